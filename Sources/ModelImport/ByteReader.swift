import SENet

/// Reads numbers and runs of bytes from a file, front to back, and never outside of it: the one way in which untrusted files are read.
struct ByteReader {
    /// What the bytes are of, for messages.
    let source: String
    private let file: InputFile?
    /// The part of the file that is at hand, and where it begins.
    private var window: [UInt8]
    private var windowStart = 0
    private(set) var position: Int
    let end: Int

    private static let windowLength = 4096

    /// - Parameter range: the part to read, which must lie in the file; nil for all.
    init(_ file: InputFile, range: Range<Int>? = nil) {
        source = file.path
        self.file = file
        window = []
        (position, end) = (range?.lowerBound ?? 0, range?.upperBound ?? file.count)
    }

    /// Of bytes in memory.
    init(_ bytes: [UInt8], source: String) {
        self.source = source
        file = nil
        window = bytes
        (position, end) = (0, bytes.count)
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

    /// Brings the next `count` bytes into the window and steps over them; returns where in the window they are.
    private mutating func load(_ count: UInt64) throws(ModelError) -> Range<Int> {
        let range = try take(count)
        if let file, range.lowerBound < windowStart || range.upperBound > windowStart + window.count {
            window = try file.bytes(range.lowerBound..<max(range.upperBound, min(end, range.lowerBound + Self.windowLength)))
            windowStart = range.lowerBound
        }
        return range.lowerBound - windowStart..<range.upperBound - windowStart
    }

    /// A little-endian number.
    mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) throws(ModelError) -> Number {
        let range = try load(UInt64(MemoryLayout<Number>.size))
        return Number(littleEndian: window.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: range.lowerBound, as: type) })
    }

    mutating func byte() throws(ModelError) -> UInt8 { window[try load(1).lowerBound] }

    mutating func bytes(_ count: UInt64) throws(ModelError) -> ArraySlice<UInt8> { window[try load(count)] }

    /// UTF-8; what is not valid becomes U+FFFD.
    mutating func text(_ count: UInt64) throws(ModelError) -> String { String(decoding: try bytes(count), as: UTF8.self) }

    /// The text before the next line feed, which is stepped over.
    mutating func line(limit: Int = 1024) throws(ModelError) -> String {
        var line: [UInt8] = []
        while true {
            let byte = try byte()
            if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
            guard line.count < limit else { throw damaged("a line of more than \(limit) bytes before byte \(position)") }
            line.append(byte)
        }
    }
}
