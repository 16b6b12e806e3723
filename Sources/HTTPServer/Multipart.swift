import Glibc

/// A multipart/form-data body read while it grows (RFC 7578, RFC 2046 section 5.1): where each part lies in the one
/// buffer, found as soon as its end is there, so that a broken or overfull form is refused before all of it arrived.
/// Ours rather than libmicrohttpd's post processor: that one hands a part out in pieces, to be copied together again.
struct MultipartParser {
    /// One part: what its headers say, and where its content lies.
    struct Field {
        var name: String?
        var filename: String?
        var contentType: String?
        var content = 0..<0
    }

    private enum State {
        /// At the body's first byte.
        case start
        /// Before the first delimiter.
        case preamble
        /// After a delimiter line, at the part's headers.
        case headers
        /// In the content of this part, which starts at `content.lowerBound`.
        case content(Field)
        /// Past the closing delimiter; what follows means nothing.
        case finished
    }

    /// Bounds the headers of one part.
    static let partHeaderLimit = 8 << 10
    /// Bounds the blanks that may follow a boundary on its line.
    private static let paddingLimit = 64

    private(set) var fields: [Field] = []
    private let delimiter: [UInt8]
    private let partLimit: Int
    private var state = State.start
    /// Everything before this offset has been dealt with.
    private var position = 0

    /// - Parameter boundary: as checked by ``boundary(ofContentType:)``.
    init(boundary: String, partLimit: Int) {
        delimiter = Array("\r\n--\(boundary)".utf8)
        self.partLimit = partLimit
    }

    var isFinished: Bool { if case .finished = state { true } else { false } }

    /// Takes note of whatever is complete in the buffer, which holds the body up to now from its first byte.
    mutating func advance(over bytes: UnsafeRawBufferPointer) throws(Refusal) {
        while true {
            switch state {
            case .start:
                // The first delimiter needs no line break before it.
                let dashBoundary = delimiter.dropFirst(2)
                guard bytes.count >= dashBoundary.count else { return }
                guard bytes.starts(with: dashBoundary) else {
                    state = .preamble
                    continue
                }
                switch Self.lineAfterBoundary(in: bytes, at: dashBoundary.count) {
                case .incomplete: return
                case .data: state = .preamble
                case .close: state = .finished
                case .next(let next): try startPart(at: next)
                }
            case .preamble:
                guard let delimiter = nextDelimiter(in: bytes) else { return }
                if let next = delimiter.next { try startPart(at: next) } else { state = .finished }
            case .content(var field):
                guard let delimiter = nextDelimiter(in: bytes) else { return }
                // The line break that ended the headers may be the delimiter's own: a part without content.
                field.content = field.content.lowerBound..<max(delimiter.start, field.content.lowerBound)
                fields.append(field)
                if let next = delimiter.next { try startPart(at: next) } else { state = .finished }
            case .headers:
                guard let end = try headerEnd(in: bytes) else { return }
                var field = try parseHeaders(UnsafeRawBufferPointer(rebasing: bytes[position..<end]))
                field.content = end..<end
                state = .content(field)
                position = end - 2
            case .finished:
                position = bytes.count
                return
            }
        }
    }

    private mutating func startPart(at offset: Int) throws(Refusal) {
        guard fields.count < partLimit else { throw .tooManyParts(limit: partLimit) }
        state = .headers
        position = offset
    }

    /// The next delimiter line at or after `position`: where it starts, and the offset after it (nil for the closing
    /// one); nil while it is not all here.
    private mutating func nextDelimiter(in bytes: UnsafeRawBufferPointer) -> (start: Int, next: Int?)? {
        while let start = firstDelimiter(in: bytes) {
            switch Self.lineAfterBoundary(in: bytes, at: start + delimiter.count) {
            case .incomplete: return nil
            case .data: position = start + 1
            case .close: return (start, nil)
            case .next(let next): return (start, next)
            }
        }
        return nil
    }

    /// Where the delimiter first stands at or after `position`, which moves over what is surely content. Linear
    /// whatever the bytes: a carriage return stands only at the delimiter's start, so no match overlaps another.
    private mutating func firstDelimiter(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        while position < bytes.count {
            if bytes[position] != 0x0D {
                guard let found = memchr(base + position, 0x0D, bytes.count - position) else {
                    position = bytes.count
                    return nil
                }
                position = UnsafeRawPointer(found) - base
            }
            guard bytes.count - position >= delimiter.count else { return nil }
            if bytes[position + 1] == 0x0A, memcmp(base + position, delimiter, delimiter.count) == 0 { return position }
            position += 1
        }
        return nil
    }

    private enum AfterBoundary {
        case next(Int)
        case close
        case data
        case incomplete
    }

    /// What a boundary is followed by decides whether it is one.
    private static func lineAfterBoundary(in bytes: UnsafeRawBufferPointer, at start: Int) -> AfterBoundary {
        guard start < bytes.count else { return .incomplete }
        if bytes[start] == UInt8(ascii: "-") {
            guard start + 1 < bytes.count else { return .incomplete }
            return bytes[start + 1] == UInt8(ascii: "-") ? .close : .data
        }
        var offset = start
        while offset < bytes.count, bytes[offset] == 0x20 || bytes[offset] == 0x09 { offset += 1 }
        if offset - start > paddingLimit { return .data }
        guard offset < bytes.count else { return .incomplete }
        guard bytes[offset] == 0x0D else { return .data }
        guard offset + 1 < bytes.count else { return .incomplete }
        return bytes[offset + 1] == 0x0A ? .next(offset + 2) : .data
    }

    /// The offset after the empty line that ends the headers at `position`; nil while it is not here.
    private func headerEnd(in bytes: UnsafeRawBufferPointer) throws(Refusal) -> Int? {
        let available = min(bytes.count, position + Self.partHeaderLimit)
        if available - position >= 2, bytes[position] == 0x0D, bytes[position + 1] == 0x0A { return position + 2 }
        var offset = position
        while offset + 3 < available {
            if bytes[offset] == 0x0D, bytes[offset + 1] == 0x0A, bytes[offset + 2] == 0x0D, bytes[offset + 3] == 0x0A {
                return offset + 4
            }
            offset += 1
        }
        guard bytes.count - position < Self.partHeaderLimit else {
            throw .badMultipart("The headers of part \(fields.count + 1) are longer than \(Self.partHeaderLimit) bytes.")
        }
        return nil
    }

    private func parseHeaders(_ bytes: UnsafeRawBufferPointer) throws(Refusal) -> Field {
        var field = Field()
        for line in unfolded(String(decoding: bytes, as: UTF8.self)).split(separator: "\r\n") {
            // Scalars, here and below: a combining mark makes one character with the colon or the quote before it.
            guard let colon = line.unicodeScalars.firstIndex(of: ":"), isToken(line[..<colon]) else {
                throw .badMultipart("Part \(fields.count + 1) has a header line that is none.")
            }
            let value = trimmed(line[line.unicodeScalars.index(after: colon)...])
            switch line[..<colon] {
            case let name where equalIgnoringCase(name, "Content-Disposition"):
                let disposition = HeaderValue(value)
                field.name = disposition["name"]
                field.filename = disposition.filename
            case let name where equalIgnoringCase(name, "Content-Type"):
                field.contentType = String(value)
            case let name where equalIgnoringCase(name, "Content-Transfer-Encoding"):
                guard ["binary", "8bit", "7bit"].contains(where: { equalIgnoringCase($0, value) }) else {
                    throw .badMultipart("Part \(fields.count + 1) is sent as \(value); send the bytes as they are.")
                }
            default: break
            }
        }
        return field
    }

    /// The boundary of a form; nil where the body is no form.
    static func boundary(ofContentType contentType: String?) throws(Refusal) -> String? {
        guard let contentType else { return nil }
        let value = HeaderValue(contentType[...])
        guard equalIgnoringCase(value.value, "multipart/form-data") else { return nil }
        guard let boundary = value["boundary"], !boundary.isEmpty else {
            throw .badMultipart("The Content-Type of a form needs a boundary parameter.")
        }
        guard boundary.utf8.count <= 70 else {
            throw .badMultipart("The boundary has \(boundary.utf8.count) characters; up to 70 are allowed.")
        }
        let allowed = boundary.utf8.allSatisfy { isToken(String(UnicodeScalar($0))) || " ()+,./:=?".utf8.contains($0) }
        guard allowed, boundary.last != " " else { throw .badMultipart("The boundary has a character that is not allowed there.") }
        return boundary
    }
}

/// The header lines of a part with those that were folded in one (RFC 5322, 2.2.3: a line break before a blank means nothing).
private func unfolded(_ text: String) -> String {
    guard text.contains("\r\n ") || text.contains("\r\n\t") else { return text }
    var result = ""
    for (index, line) in text.split(separator: "\r\n", omittingEmptySubsequences: false).enumerated() {
        if index > 0, line.first != " ", line.first != "\t" { result += "\r\n" }
        result += line
    }
    return result
}

/// A header's value with its parameters: `form-data; name="image"; filename="cat.jpg"`.
struct HeaderValue {
    /// What stands before the first semicolon.
    let value: String
    private var parameters: [(name: String, value: String)] = []

    init(_ text: Substring) {
        var rest = text.unicodeScalars
        value = String(trimmed(Substring(rest.prefix { $0 != ";" })))
        rest = rest.drop { $0 != ";" }
        while rest.popFirst() != nil {
            rest = rest.drop { $0 == " " || $0 == "\t" }
            let name = rest.prefix { $0 != "=" && $0 != ";" }
            rest = rest.dropFirst(name.count)
            guard rest.first == "=" else { continue }
            rest.removeFirst()
            var content = String.UnicodeScalarView()
            if rest.first == "\"" {
                rest.removeFirst()
                while let scalar = rest.popFirst(), scalar != "\"" {
                    // Only these two are ever escaped; a lone backslash is a Windows path.
                    if scalar == "\\", let next = rest.first, next == "\"" || next == "\\" {
                        content.append(next)
                        rest.removeFirst()
                    } else {
                        content.append(scalar)
                    }
                }
                rest = rest.drop { $0 != ";" }
            } else {
                content.append(contentsOf: trimmed(Substring(rest.prefix { $0 != ";" })).unicodeScalars)
                rest = rest.drop { $0 != ";" }
            }
            parameters.append((String(trimmed(Substring(name))), String(content)))
        }
    }

    /// The first parameter of that name, whatever its case.
    subscript(name: String) -> String? { parameters.first { equalIgnoringCase($0.name, name) }?.value }

    /// `filename*` (RFC 8187) where it is UTF-8, else `filename`.
    var filename: String? {
        if let extended = self["filename*"], extended.lowercased().hasPrefix("utf-8'") {
            let halves = extended.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
            if halves.count == 3, let name = percentDecoded(halves[2]) { return name }
        }
        return self["filename"]
    }
}

/// Without spaces and tabs at both ends.
func trimmed(_ text: Substring) -> Substring {
    var scalars = text.unicodeScalars.drop { $0 == " " || $0 == "\t" }
    while scalars.last == " " || scalars.last == "\t" { scalars.removeLast() }
    return Substring(scalars)
}
