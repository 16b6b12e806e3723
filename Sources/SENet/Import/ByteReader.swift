/// Reads numbers and runs of bytes from a buffer, front to back, and never outside of it: the one way in which untrusted files are read.
struct ByteReader {
    /// What the bytes are of, for messages.
    let source: String
    let bytes: UnsafeRawBufferPointer
    private(set) var position: Int
    let end: Int

    /// - Parameter range: the part to read; nil for all.
    init(_ bytes: UnsafeRawBufferPointer, source: String, range: Range<Int>? = nil) {
        self.source = source
        self.bytes = bytes
        (position, end) = (range?.lowerBound ?? 0, range?.upperBound ?? bytes.count)
    }

    var remaining: Int { end - position }
    var isAtEnd: Bool { position == end }

    func damaged(_ what: String) -> ModelError { .weights("\(source): \(what)") }

    /// Steps over `count` bytes and returns where they are.
    ///
    /// - Throws: `ModelError.weights` if there are fewer.
    mutating func take(_ count: UInt64) throws(ModelError) -> Range<Int> {
        guard count <= UInt64(remaining) else {
            throw damaged("cut off: \(count) bytes are announced at byte \(position), \(remaining) are left")
        }
        defer { position += Int(count) }
        return position..<position + Int(count)
    }

    /// A little-endian number.
    mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) throws(ModelError) -> Number {
        let range = try take(UInt64(MemoryLayout<Number>.size))
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: type))
    }

    mutating func byte() throws(ModelError) -> UInt8 { try number(UInt8.self) }

    /// UTF-8; what is not valid becomes U+FFFD.
    mutating func text(_ count: UInt64) throws(ModelError) -> String { String(decoding: bytes[try take(count)], as: UTF8.self) }

    /// The text before the next line feed, which is stepped over.
    mutating func line(limit: Int = 1024) throws(ModelError) -> String {
        let start = position
        while try byte() != UInt8(ascii: "\n") {
            guard position - start <= limit else { throw damaged("a line of more than \(limit) bytes at byte \(start)") }
        }
        return String(decoding: bytes[start..<position - 1], as: UTF8.self)
    }
}
