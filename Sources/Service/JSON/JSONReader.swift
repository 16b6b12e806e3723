/// Reads JSON (RFC 8259) from bytes where they lie, value by value: nothing is kept but what is asked for, and nothing is taken in memory
/// before it is known to be within its bounds.
///
/// The caller says what it expects next (`object`, `array`, `string`, `float`, …) or passes over it (`skip`). Each call leaves the reader
/// behind the value.
package struct JSONReader {
    private let bytes: UnsafeRawBufferPointer
    private(set) var position = 0
    private var depth = 0

    /// Arrays and objects within each other.
    private static let depthLimit = 32
    /// Bytes of a string, but for those that are read as base64.
    private static let stringLimit = 64 << 10

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

    // MARK: Structure

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

    private mutating func expect(_ expected: Kind) throws(JSONError) {
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

    private mutating func skipBlanks() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    // MARK: Values

    package mutating func bool() throws(JSONError) -> Bool {
        try expect(.bool)
        if take(word: "true") { return true }
        guard take(word: "false") else { throw error("this is no JSON value") }
        return false
    }

    package mutating func null() throws(JSONError) {
        try expect(.null)
        guard take(word: "null") else { throw error("this is no JSON value") }
    }

    private mutating func take(word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard bytes.count - position >= count,
            bytes[position..<position + count].elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: count))
        else { return false }
        position += count
        return true
    }

    /// A string of at most 64 KiB, its escapes resolved.
    package mutating func string() throws(JSONError) -> String {
        let raw = try rawString()
        guard raw.range.count <= Self.stringLimit else { throw error("a string is longer than \(Self.stringLimit >> 10) KiB") }
        return try text(raw)
    }

    private func text(_ raw: (range: Range<Int>, hasEscapes: Bool)) throws(JSONError) -> String {
        let content = bytes[raw.range]
        guard let text = raw.hasEscapes ? unescaped(content) : String(validating: content, as: UTF8.self) else {
            throw error("a string is no UTF-8 text, or has an escape that is none")
        }
        return text
    }

    /// The bytes that a string of base64 stands for (RFC 4648, with either alphabet, padded or not), decoded where they lie.
    package mutating func base64() throws(JSONError) -> [UInt8] {
        let (range, _) = try rawString()
        guard let decoded = Base64.decode(UnsafeRawBufferPointer(rebasing: bytes[range])) else { throw error("a string is no base64") }
        return decoded
    }

    /// Where a string's characters lie, between the quotes, and whether there are escapes among them.
    package mutating func rawString() throws(JSONError) -> (range: Range<Int>, hasEscapes: Bool) {
        try expect(.string)
        let start = position + 1
        var (end, hasEscapes) = (start, false)
        while end < bytes.count {
            // Eight bytes at a time as long as there is nothing among them to look at: images in base64 are long.
            while bytes.count - end >= 8, !hasSpecialByte(bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self)) { end += 8 }
            guard end < bytes.count else { break }
            switch bytes[end] {
            case UInt8(ascii: "\""):
                position = end + 1
                return (start..<end, hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                end += 2
            case 0..<0x20:
                position = end
                throw error("a string has a control character that is not escaped")
            default: end += 1
            }
        }
        position = bytes.count
        throw error("the JSON is cut off in a string")
    }

    /// The bytes of a range that `rawString` gave.
    package func raw(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[range]) }

    private func unescaped(_ raw: Slice<UnsafeRawBufferPointer>) -> String? {
        var text: [UInt8] = []
        text.reserveCapacity(raw.count)
        var rest = raw[...]
        func unit(_ rest: inout Slice<UnsafeRawBufferPointer>) -> UInt32? {
            guard rest.count >= 4 else { return nil }
            let digits = rest.prefix(4)
            rest = rest.dropFirst(4)
            return digits.reduce(UInt32?.some(0)) { sum, byte in
                guard let sum, let digit = hexadecimal(byte) else { return nil }
                return sum << 4 | digit
            }
        }
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "\""): text.append(UInt8(ascii: "\""))
            case UInt8(ascii: "\\"): text.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "/"): text.append(UInt8(ascii: "/"))
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "u"):
                guard var code = unit(&rest) else { return nil }
                if (0xD800..<0xDC00).contains(code) {
                    guard rest.popFirst() == UInt8(ascii: "\\"), rest.popFirst() == UInt8(ascii: "u"), let low = unit(&rest),
                        (0xDC00..<0xE000).contains(low)
                    else { return nil }
                    code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                }
                guard let scalar = Unicode.Scalar(code) else { return nil }
                text.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
            default: return nil
            }
        }
        return String(validating: text, as: UTF8.self)
    }

    // MARK: Numbers

    /// A whole number, written without fraction and exponent.
    package mutating func integer() throws(JSONError) -> Int {
        let start = position
        let number = try decimal()
        guard number.isInteger, number.digits <= 18 else {
            position = start
            throw error("a whole number is expected here")
        }
        return number.isNegative ? -Int(number.mantissa) : Int(number.mantissa)
    }

    /// The nearest float32.
    package mutating func float() throws(JSONError) -> Float {
        try expect(.number)
        return try nextFloat()
    }

    private mutating func nextFloat() throws(JSONError) -> Float {
        let start = position
        let number = try decimal()
        if let value = number.float { return value }
        // Rarely: what lies so near to the middle of two floats that more digits have to be looked at, or is very large or small.
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard let value = Float(text), value.isFinite else {
            position = start
            throw error("a number is beyond float32")
        }
        return value
    }

    /// A number's digits and where its point is, by RFC 8259, section 6.
    private mutating func decimal() throws(JSONError) -> JSONDecimal {
        try expect(.number)
        var number = JSONDecimal()
        number.isNegative = take("-")
        var at = position
        let end = bytes.count
        func digit(_ at: Int) -> UInt8? {
            guard at < end, case let value = bytes[at] &- UInt8(ascii: "0"), value < 10 else { return nil }
            return value
        }
        let first = at
        while let value = digit(at) {
            number.append(value)
            at += 1
        }
        guard at > first, at == first + 1 || bytes[first] != UInt8(ascii: "0") else {
            throw error("this is no JSON number, which begins with a digit that is not 0, or with a lone 0")
        }
        if at < end, bytes[at] == UInt8(ascii: ".") {
            at += 1
            let fraction = at
            while let value = digit(at) {
                number.append(fraction: value)
                at += 1
            }
            number.isInteger = false
            guard at > fraction else { throw error("this is no JSON number") }
        }
        if at < end, bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            var isNegative = false
            if at < end, bytes[at] == UInt8(ascii: "-") || bytes[at] == UInt8(ascii: "+") {
                isNegative = bytes[at] == UInt8(ascii: "-")
                at += 1
            }
            var (exponent, digits) = (0, 0)
            while let value = digit(at) {
                exponent = min(exponent * 10 + Int(value), 100_000)
                digits += 1
                at += 1
            }
            number.isInteger = false
            guard digits > 0 else { throw error("this is no JSON number") }
            number.exponent += isNegative ? -exponent : exponent
        }
        position = at
        return number
    }

    /// A tensor of numbers: a number, or lists within lists of equal lengths, row-major.
    ///
    /// - Parameter limit: of the numbers: more are refused before there is memory for them.
    /// - Returns: the lengths from the outermost list to the innermost, and the numbers.
    package mutating func tensor(limit: Int) throws(JSONError) -> (shape: [Int], values: [Float]) {
        var values: [Float] = []
        var shape: [Int] = []
        try tensor(level: 0, &shape, &values, limit)
        return (shape.map { max(0, $0) }, values)
    }

    /// - Parameter shape: the lengths that are known, -1 for one that is not yet.
    private mutating func tensor(level: Int, _ shape: inout [Int], _ values: inout [Float], _ limit: Int) throws(JSONError) {
        guard try kind() == .array else { return values.append(try float()) }
        if level == shape.count {
            guard values.isEmpty else { throw error("the lists are not nested equally deep") }
            shape.append(-1)
        }
        var count = 0
        try array { (reader) throws(JSONError) in
            count += 1
            guard shape[level] == -1 || count <= shape[level] else { throw reader.error("the lists are not equally long") }
            guard try reader.kind() == .number else {
                return try reader.tensor(level: level + 1, &shape, &values, limit)
            }
            guard level == shape.count - 1 else { throw reader.error("the lists are not nested equally deep") }
            guard values.count < limit else { throw reader.error("there are more than \(limit) numbers") }
            values.append(try reader.nextFloat())
        }
        guard shape[level] == -1 || shape[level] == count else { throw error("the lists are not equally long") }
        shape[level] = count
    }
}

/// Why a text is not the JSON that is expected, and at which byte.
package struct JSONError: Error, CustomStringConvertible {
    package var detail: String
    package var offset: Int

    package var description: String { "\(detail) (at byte \(offset))" }
}

/// Whether there is a quote, a backslash or a control character among eight bytes, and now and then where there is none behind one. (Mycroft's
/// test for a byte that is zero or small.)
private func hasSpecialByte(_ word: UInt64) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    func below(_ word: UInt64, _ limit: UInt64) -> UInt64 { (word &- ones &* limit) & ~word }
    let found = below(word ^ (ones &* 0x22), 1) | below(word ^ (ones &* 0x5C), 1) | below(word, 0x20)
    return found & (ones &* 0x80) != 0
}

private func hexadecimal(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
}
