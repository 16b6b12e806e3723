extension JSONReader {
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

    mutating func take(word: StaticString) -> Bool {
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

    func text(_ raw: (range: Range<Int>, hasEscapes: Bool)) throws(JSONError) -> String {
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
