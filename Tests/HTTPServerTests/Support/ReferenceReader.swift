@testable import HTTPServer

/// RFC 9112 read from the whole of a stream: plain, slow, and written apart from the reader that it is held against.
enum ReferenceReader {
    private struct Broken: Error { var status: Int }
    /// The stream ends in the middle of something.
    private struct Short: Error {}

    static func read(_ stream: [UInt8], limits: HeadLimits) -> Reading {
        var reading = Reading()
        var rest = stream[...]
        do {
            while !rest.isEmpty {
                guard try readMessage(&rest, limits, &reading) else { break }
            }
        } catch let error as Broken {
            reading.refused = error.status
        } catch {}
        return reading
    }

    /// Reads one message; false where nothing may follow it.
    private static func readMessage(_ rest: inout ArraySlice<UInt8>, _ limits: HeadLimits, _ reading: inout Reading) throws -> Bool {
        var left = limits.bytes
        var text = ""
        var emptyLines = -1
        while text.isEmpty {
            emptyLines += 1
            if emptyLines > 4 { throw Broken(status: 400) }
            left = limits.bytes
            text = try line(&rest, min(left, limits.target + 44), tooLong: 414, &left)
        }
        let words = text.pieces(" ")
        guard words.count == 3, isName(words[0]), words[0].unicodeScalars.count <= 32, !words[1].isEmpty else { throw Broken(status: 400) }
        guard words[1].unicodeScalars.count <= limits.target else { throw Broken(status: 414) }
        guard words[1].unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value < 0x7F }) else { throw Broken(status: 400) }
        if words[1].pieces("&").count > limits.queryFields { throw Broken(status: 414) }
        guard ["HTTP/1.0", "HTTP/1.1"].contains(words[2]) else {
            let isOther = words[2].wholeMatch(of: #/HTTP/[0-9]\.[0-9]/#) != nil
            throw Broken(status: isOther ? 505 : 400)
        }
        var fields: [(name: String, value: String)] = []
        while true {
            let text = try line(&rest, left, tooLong: 431, &left)
            if text.isEmpty { break }
            if fields.count == limits.fields { throw Broken(status: 431) }
            fields.append(try field(text))
        }
        func values(_ name: String) -> [String] { fields.filter { $0.name.lower == name }.map(\.value) }
        guard let path = path(words[1]) else { throw Broken(status: 400) }
        let hosts = values("host").count
        guard hosts == 1 || hosts == 0 && words[2] == "HTTP/1.0" else { throw Broken(status: 400) }
        guard values("host").allSatisfy({ $0.wholeMatch(of: host) != nil }) else { throw Broken(status: 400) }
        let (lengths, codings) = (values("content-length"), values("transfer-encoding"))
        guard lengths.count <= 1, lengths.isEmpty || codings.isEmpty, codings.isEmpty || words[2] == "HTTP/1.1" else {
            throw Broken(status: 400)
        }
        guard codings.isEmpty || codings.map(\.lower) == ["chunked"] else { throw Broken(status: 501) }
        var length = 0
        if let text = lengths.first {
            guard text.wholeMatch(of: #/[0-9]+/#) != nil, let number = Int(text) else { throw Broken(status: 400) }
            length = number
        }
        reading.messages.append(
            Reading.Message(method: words[0], path: path, headers: fields.map { "\($0.name): \($0.value.utf8Text)" }, body: []))
        let last = reading.messages.count - 1
        reading.isComplete = false
        if codings.isEmpty {
            reading.messages[last].body = Array(rest.prefix(length))
            guard rest.count >= length else { throw Short() }
            rest = rest.dropFirst(length)
        } else {
            try readChunks(&rest, &reading.messages[last].body, limits, left, fields.count)
        }
        reading.isComplete = true
        let options: [String] = values("connection").flatMap { $0.lower.pieces(",") }.map { $0.trimmed() }
        return !options.contains("close") && (words[2] == "HTTP/1.1" || options.contains("keep-alive"))
    }

    private static func readChunks(
        _ rest: inout ArraySlice<UInt8>, _ body: inout [UInt8], _ limits: HeadLimits, _ left: Int, _ fields: Int
    ) throws {
        var unbounded = Int.max
        while true {
            let text = try line(&rest, 256, tooLong: 400, &unbounded)
            guard let match = text.wholeMatch(of: #/([0-9A-Fa-f]+)(;[\s\S]*)?/#), let size = Int(match.1, radix: 16) else {
                throw Broken(status: 400)
            }
            if size == 0 { break }
            body += rest.prefix(size)
            guard rest.count >= size else { throw Short() }
            rest = rest.dropFirst(size)
            guard try line(&rest, 256, tooLong: 400, &unbounded).isEmpty else { throw Broken(status: 400) }
        }
        var (left, count) = (left, fields)
        while true {
            let text = try line(&rest, left, tooLong: 431, &left)
            if text.isEmpty { return }
            count += 1
            if count > limits.fields { throw Broken(status: 431) }
            _ = try field(text)
        }
    }

    /// The next line without its break. What is wrong with it counts from the first wrong byte on.
    private static func line(_ rest: inout ArraySlice<UInt8>, _ limit: Int, tooLong: Int, _ left: inout Int) throws -> String {
        var bytes: [UInt8] = []
        for byte in rest {
            let isAfterReturn = bytes.last == 0x0D
            if isAfterReturn != (byte == 0x0A) { throw Broken(status: 400) }
            if byte < 0x20 && ![0x09, 0x0A, 0x0D].contains(byte) || byte == 0x7F { throw Broken(status: 400) }
            bytes.append(byte)
            if bytes.count > limit { throw Broken(status: tooLong) }
            if byte == 0x0A {
                rest = rest.dropFirst(bytes.count)
                left -= bytes.count
                // A byte is a character: nothing depends on what UTF-8 makes of several.
                return String(String.UnicodeScalarView(bytes.dropLast(2).map { UnicodeScalar($0) }))
            }
        }
        throw Short()
    }

    private static func field(_ text: String) throws -> (name: String, value: String) {
        let halves = text.unicodeScalars.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard halves.count == 2, isName(halves[0]) else { throw Broken(status: 400) }
        let isFraming = ["content-length", "transfer-encoding"].contains(halves[0].lower)
        if isFraming, text.hasSuffix(" ") || text.hasSuffix("\t") { throw Broken(status: 400) }
        return (halves[0], halves[1].trimmed())
    }

    private static func isName(_ text: String) -> Bool {
        text.wholeMatch(of: #/[!#$%&'*+\-.^_`|~0-9A-Za-z]+/#.matchingSemantics(.unicodeScalar)) != nil
    }

    /// RFC 3986, 3.2.2 and 3.2.3.
    private static var host: Regex<Substring> {
        #/(?:\[[0-9A-Za-z:.%_~!$&'()*+,;=\-]+\]|[0-9A-Za-z.%_~!$&'()*+,;=\-]*)(?::[0-9]*)?/#.matchingSemantics(.unicodeScalar)
    }

    /// The decoded path; nil where the target is none.
    private static func path(_ target: String) -> String? {
        if let match = target.wholeMatch(of: #/[hH][tT][tT][pP][sS]?:\/\/([^\/?]*)(.*)/#.matchingSemantics(.unicodeScalar)) {
            guard String(match.1).wholeMatch(of: host) != nil, !match.1.isEmpty, !match.1.hasPrefix(":") else { return nil }
            return path(match.2.hasPrefix("/") ? String(match.2) : "/\(match.2)")
        }
        guard target.hasPrefix("/") || target == "*" else { return nil }
        let halves = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let decoded = halves.map(decoded)
        return decoded.contains(nil) ? nil : decoded[0]
    }

    private static func decoded(_ text: String) -> String? {
        var bytes: [UInt8] = []
        for (index, piece) in text.pieces("%").enumerated() {
            var rest = Array(piece.utf8)
            if index > 0 {
                guard rest.count >= 2, let digits = String(validating: rest[..<2], as: UTF8.self), !digits.hasPrefix("+"),
                    let byte = UInt8(digits, radix: 16), byte >= 0x20, byte != 0x7F
                else { return nil }
                rest.replaceSubrange(..<2, with: [byte])
            }
            bytes += rest
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension String {
    fileprivate func pieces(_ separator: UnicodeScalar) -> [String] {
        unicodeScalars.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
    }

    /// What its bytes, which are its characters, are in UTF-8.
    fileprivate var utf8Text: String { String(decoding: unicodeScalars.map { UInt8($0.value) }, as: UTF8.self) }

    /// ASCII alone: the sign for kelvin is a small k to `lowercased`.
    fileprivate var lower: String { String(decoding: utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self) }

    fileprivate func trimmed() -> String {
        var text = unicodeScalars[...]
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return String(text)
    }
}
