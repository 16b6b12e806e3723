import Foundation
import Testing

@testable import Service

/// What `JSONReader` reads, held against Foundation's readers and the standard library's numbers.
@Suite("JSON")
struct JSONReaderTests {
    private func read<Output>(_ text: String, _ body: (inout JSONReader) throws(JSONError) -> Output) throws -> Output {
        try read(Array(text.utf8), body)
    }

    private func read<Output>(_ bytes: [UInt8], _ body: (inout JSONReader) throws(JSONError) -> Output) throws -> Output {
        let result: Result<Output, JSONError> = bytes.withUnsafeBytes { bytes in
            do throws(JSONError) { return .success(try JSONReader.read(bytes, body)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// A value of any kind, as Foundation would have it.
    private static func value(_ reader: inout JSONReader) throws(JSONError) -> NSObject {
        switch try reader.kind() {
        case .object:
            let fields = NSMutableDictionary()
            try reader.object { (reader, name) throws(JSONError) in fields[name] = try value(&reader) }
            return fields
        case .array:
            let items = NSMutableArray()
            try reader.array { (reader) throws(JSONError) in items.add(try value(&reader)) }
            return items
        case .string: return NSString(string: try reader.string())
        case .number: return NSNumber(value: try reader.float())
        case .bool: return NSNumber(value: try reader.bool())
        case .null:
            try reader.null()
            return NSNull()
        }
    }

    /// A text drawn at random: every kind of value, blanks anywhere, escapes of all sorts.
    private static func draw(_ generator: inout SystemRandomNumberGenerator, depth: Int = 0) -> String {
        func blank() -> String { ["", "", "", " ", "\n", "\t \r"].randomElement(using: &generator) ?? "" }
        func string() -> String {
            let pieces = ["a", "ö", "😀", "\\n", "\\\"", "\\\\", "\\/", "\\u00e9", "\\uD83D\\ude00", " ", "{", "]", "\\b\\f\\r\\t"]
            return "\"" + (0..<Int.random(in: 0...6, using: &generator)).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
                + "\""
        }
        let body: String
        switch Int.random(in: 0..<(depth < 4 ? 8 : 5), using: &generator) {
        case 0: body = string()
        case 1: body = ["true", "false", "null"].randomElement(using: &generator) ?? "null"
        case 2...4: body = ["0", "-0", "12", "-3.5", "1e3", "2.5E-3", "0.1", "123456789.123"].randomElement(using: &generator) ?? "0"
        case 5, 6:
            let items = (0..<Int.random(in: 0...4, using: &generator)).map { _ in draw(&generator, depth: depth + 1) }
            body = "[" + (items.isEmpty ? blank() : items.joined(separator: ",")) + "]"
        default:
            let fields = (0..<Int.random(in: 0...4, using: &generator)).map { index in
                "\(blank())\"\(index)\(string().dropFirst())\(blank()):" + draw(&generator, depth: depth + 1)
            }
            body = "{" + (fields.isEmpty ? blank() : fields.joined(separator: ",")) + "}"
        }
        return blank() + body + blank()
    }

    @Test("drawn at random is read as Foundation reads it, and is refused cut off or changed wherever Foundation refuses it")
    func drawn() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<400 {
            let text = Self.draw(&generator)
            let bytes = Array(text.utf8)
            let expected = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed) as? NSObject
            let found = try read(bytes) { (reader) throws(JSONError) in try Self.value(&reader) }
            #expect(Self.isEqual(found, try #require(expected)), "\(text)")
            try read(bytes) { (reader) throws(JSONError) in try reader.skip() }
            for end in bytes.indices {
                let cut = Array(bytes[..<end])
                let isComplete = (try? JSONSerialization.jsonObject(with: Data(cut), options: .fragmentsAllowed)) != nil
                let isRead = (try? read(cut) { (reader) throws(JSONError) in try Self.value(&reader) }) != nil
                #expect(isRead == isComplete, "\(String(decoding: cut, as: UTF8.self))")
            }
        }
    }

    /// Numbers as floats.
    private static func isEqual(_ a: NSObject, _ b: NSObject) -> Bool {
        switch (a, b) {
        case (let a as NSDictionary, let b as NSDictionary):
            a.count == b.count
                && a.allSatisfy { key, value in
                    (value as? NSObject).flatMap { one in (b[key] as? NSObject).map { isEqual(one, $0) } } ?? false
                }
        case (let a as NSArray, let b as NSArray):
            a.count == b.count
                && zip(a, b).allSatisfy { a, b in (a as? NSObject).flatMap { one in (b as? NSObject).map { isEqual(one, $0) } } ?? false }
        case (let a as NSNumber, let b as NSNumber): a.floatValue == b.floatValue
        default: a == b
        }
    }

    @Test("numbers are the nearest float, whatever way they are written")
    func floats() throws {
        var generator = SystemRandomNumberGenerator()
        var texts = [
            "0", "-0", "1", "-1", "0.1", "16777217", "16777216.999999999999999999", "16777217.0000000000000000000000001", "3.4028234e38",
            "3.4028235677973362e38", "1.17549435e-38", "1.4e-45", "7e-46", "7.1e-46", "1e-60", "1e-400", "123456789012345678901234567890",
            "0.00000000000000000000000000000000000000000000000001e50", "1.00000017881393432617187499", "1.00000017881393432617187500",
            "1.00000017881393432617187501", "9007199254740993e-8", "1e22", "1e23",
        ]
        for _ in 0..<40_000 {
            let float = Float(bitPattern: UInt32.random(in: .min ... .max, using: &generator))
            guard float.isFinite else { continue }
            texts.append(float.description)
            texts.append(Double(float).description)
            // The middle to the next float, exactly, and a little beside it.
            let middle = (Double(float) + Double(float.nextUp)) / 2
            guard middle.isFinite, abs(middle) < 3e38 else { continue }
            texts += [
                middle.description, middle.nextUp.description, String(format: "%.25e", middle), String(format: "%.17g", middle.nextDown),
            ]
        }
        for text in texts {
            let expected = try #require(Float(text))
            let found = try read(text) { (reader) throws(JSONError) in try reader.float() }
            #expect(found.bitPattern == expected.bitPattern, "\(text)")
        }
    }

    @Test(
        "what is no JSON is refused with the place",
        arguments: [
            ("[1,]", 3), ("[1 2]", 3), ("{\"a\" 1}", 5), ("{1:2}", 1), ("01", 0), ("1.", 0), (".5", 0), ("+1", 0), ("1e", 0), ("-", 1),
            ("NaN", 0),
            ("-Infinity", 1), ("tru", 0), ("nulL", 0), ("\"\u{1}\"", 1), ("\"\\x\"", 4), ("\"\\ud800\"", 8), ("\"\\udc00\"", 8),
            ("[1]]", 3), ("", 0),
            (String(repeating: "[", count: 40), 32), ("1e39", 0), ("\"", 1),
        ])
    func refused(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { _ = try read(text) { (reader) throws(JSONError) in try Self.value(&reader) } }
        #expect(error?.offset == offset, "\(text): \(error?.description ?? "")")
    }

    @Test("tensors have a shape, or are refused")
    func tensors() throws {
        func tensor(_ text: String, limit: Int = 100) throws -> (shape: [Int], values: [Float]) {
            try read(text) { (reader) throws(JSONError) in try reader.tensor(limit: limit) }
        }
        #expect(try tensor("[[1,2,3],[4,5,6]]") == ([2, 3], [1, 2, 3, 4, 5, 6]))
        #expect(try tensor(" [ [ [ 1e0 ] ] , [ [ -2 ] ] ] ") == ([2, 1, 1], [1, -2]))
        #expect(try tensor("[]") == ([0], []))
        #expect(try tensor("[[],[]]") == ([2, 0], []))
        #expect(try tensor("5") == ([], [5]))
        for text in [
            "[1,[2]]", "[[1],2]", "[[1,2],[3]]", "[[1],[2,3]]", "[[],[1]]", "[[[1]],[2]]", "[\"a\"]", "[null]", "[[1,2],[[3,4]]]", "[true]",
        ] {
            #expect(throws: JSONError.self, "\(text)") { try tensor(text) }
        }
        #expect(try tensor("[1,2,3]", limit: 3).values.count == 3)
        #expect(throws: JSONError.self) { try tensor("[1,2,3,4]", limit: 3) }
    }

    @Test("what is special in a string is found wherever it stands")
    func strings() throws {
        for length in 0..<20 {
            for place in 0...length {
                let (before, after) = (String(repeating: "a", count: place), String(repeating: "é", count: length - place))
                for (written, meant) in [("", ""), ("\\\"", "\""), ("\\n", "\n"), ("\\u00e9", "é"), ("#!]", "#!]"), ("\u{7F}", "\u{7F}")] {
                    let text = "\"\(before)\(written)\(after)\""
                    #expect(try read(text) { (reader) throws(JSONError) in try reader.string() } == before + meant + after)
                }
                for wrong in ["\u{1F}", "\n", "\\x", "\\ud800"] {
                    let text = "\"\(before)\(wrong)\(after)\""
                    #expect(throws: JSONError.self) { try read(text) { (reader) throws(JSONError) in try reader.string() } }
                    #expect(throws: JSONError.self) { try read(text) { (reader) throws(JSONError) in try reader.skip() } }
                }
            }
        }
    }

    @Test("base64 of every length is decoded, in either alphabet")
    func base64() throws {
        func decode(_ text: String) throws -> [UInt8] {
            try read("\"\(text)\"") { (reader) throws(JSONError) in try reader.base64() }
        }
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ 99) }
            let text = Data(bytes).base64EncodedString()
            let bare = text.replacingOccurrences(of: "=", with: "")
            for form in [
                text, bare, text.replacingOccurrences(of: "/", with: "\\/"), String(bare.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }),
                text.map { "\($0)\\n" }.joined(),
            ] {
                #expect(try decode(form) == bytes, "\(form)")
            }
            if count % 3 == 1 { #expect(throws: JSONError.self) { try decode(String(bare.dropLast())) } }
        }
        for text in ["A", "A===", "AAAA=", "AA=A", "AA*A", "AA\\u0041A", "=", "é"] {
            #expect(throws: JSONError.self, "\(text)") { try decode(text) }
        }
    }
}
