/// Reads JSON (RFC 8259) from bytes where they lie, value by value: nothing is kept but what is asked for, and nothing is taken in memory
/// before it is known to be within its bounds.
///
/// The caller says what it expects next (`object`, `array`, `string`, `float`, …) or passes over it (`skip`). Each call leaves the reader
/// behind the value.
package struct JSONReader {
    let bytes: UnsafeRawBufferPointer
    var position = 0
    private var depth = 0

    /// Arrays and objects within each other.
    private static let depthLimit = 32
    /// Bytes of a string, but for those that are read as base64.
    static let stringLimit = 64 << 10

    /// What a value is, by its first character.
    package enum Kind: String {
        case object = "an object"
        case array = "a list"
        case string = "a string"
        case number = "a number"
        case bool = "true or false"
        case null = "null"
    }

    /// - Parameter bytes: have to outlive the reader.
    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Reads one value that has to be all there is.
    ///
    /// - Throws: `JSONError`, or what `body` throws.
    package static func read<Output>(
        _ bytes: UnsafeRawBufferPointer, _ body: (inout JSONReader) throws(JSONError) -> Output
    ) throws(JSONError) -> Output {
        var reader = JSONReader(bytes)
        let output = try body(&reader)
        reader.skipBlanks()
        guard reader.position == bytes.count else { throw reader.error("there is more after the value") }
        return output
    }

    /// What is wrong at this place.
    package func error(_ detail: String) -> JSONError { JSONError(detail: detail, offset: position) }

    /// What comes next.
    package mutating func kind() throws(JSONError) -> Kind {
        skipBlanks()
        guard position < bytes.count else { throw error("the JSON is cut off") }
        switch bytes[position] {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        case UInt8(ascii: "N"), UInt8(ascii: "I"): throw error("JSON has no NaN and no Infinity")
        default: throw error("this is no JSON value")
        }
    }

    mutating func expect(_ expected: Kind) throws(JSONError) {
        let found = try kind()
        guard found == expected else { throw error("\(expected.rawValue) is expected here, not \(found.rawValue)") }
    }

    /// Calls `field` with each name of an object; it has to read or to skip the value.
    package mutating func object(_ field: (inout JSONReader, String) throws(JSONError) -> Void) throws(JSONError) {
        try expect(.object)
        try enclosed(by: "}") { (reader) throws(JSONError) in
            let name = try reader.string()
            reader.skipBlanks()
            guard reader.take(":") else { throw reader.error("a colon is missing after the name '\(name)'") }
            try field(&reader, name)
        }
    }

    /// Calls `item` for each item of a list; it has to read or to skip it.
    package mutating func array(_ item: (inout JSONReader) throws(JSONError) -> Void) throws(JSONError) {
        try expect(.array)
        try enclosed(by: "]", item)
    }

    /// What comes first in lists within lists; nil where they are empty. The reader stays where it is.
    package func firstOfArrays() throws(JSONError) -> Kind? {
        var reader = self
        while try reader.kind() == .array {
            reader.position += 1
            reader.skipBlanks()
            guard !reader.take("]") else { return nil }
        }
        return try reader.kind()
    }

    private mutating func enclosed(
        by end: Unicode.Scalar, _ item: (inout JSONReader) throws(JSONError) -> Void
    ) throws(JSONError) {
        depth += 1
        guard depth <= Self.depthLimit else { throw error("lists and objects are nested deeper than \(Self.depthLimit)") }
        position += 1
        skipBlanks()
        if !take(end) {
            repeat {
                try item(&self)
                skipBlanks()
            } while take(",")
            guard take(end) else { throw error("a comma or '\(end)' is expected here") }
        }
        depth -= 1
    }

    /// Passes over a value of any kind.
    package mutating func skip() throws(JSONError) {
        switch try kind() {
        case .object: try object { (reader, _) throws(JSONError) in try reader.skip() }
        case .array: try array { (reader) throws(JSONError) in try reader.skip() }
        case .string: _ = try text(rawString())
        case .number: _ = try decimal()
        case .bool: _ = try bool()
        case .null: try null()
        }
    }

    mutating func skipBlanks() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }
}

/// Why a text is not the JSON that is expected, and at which byte.
package struct JSONError: Error, CustomStringConvertible {
    package var detail: String
    package var offset: Int

    package var description: String { "\(detail) (at byte \(offset))" }
}
