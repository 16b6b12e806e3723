import CZlib

/// Undoes a body's `Content-Encoding` (RFC 9110, section 8.4) while the body arrives. Confined to the thread that reads the connection.
final class ContentDecoder {
    private var stream = z_stream()
    private var isFinished = false
    private static let chunk = 64 << 10

    /// - Returns: nil where the body is sent as it is.
    /// - Throws: for an encoding that is not understood.
    static func decoder(for head: RequestHead) throws(Refusal) -> ContentDecoder? {
        let codings = head.headers.filter { equalIgnoringCase($0.name, "Content-Encoding") }
            .flatMap { $0.value.split(separator: ",") }.map { trimmed($0) }.filter { !equalIgnoringCase($0, "identity") && !$0.isEmpty }
        guard let coding = codings.first else { return nil }
        let known = ["gzip", "x-gzip", "deflate"]
        guard codings.count == 1, known.contains(where: { equalIgnoringCase($0, coding) }) else { throw .unsupportedContentEncoding }
        return try ContentDecoder()
    }

    private init() throws(Refusal) {
        // 32 more: whether it is gzip or zlib shows in its first bytes.
        guard excite_inflate_init(&stream, MAX_WBITS + 32) == Z_OK else { throw .outOfMemory }
    }

    deinit { inflateEnd(&stream) }

    /// Hands out what the next bytes of the body stand for, piece by piece.
    ///
    /// - Throws: if they are broken, or what `take` throws.
    func decode(_ bytes: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) throws(Refusal) -> Void) throws(Refusal) {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
        guard !isFinished else { throw .brokenContentEncoding }
        stream.next_in = UnsafeMutablePointer(mutating: start.assumingMemoryBound(to: UInt8.self))
        stream.avail_in = UInt32(bytes.count)
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunk, alignment: 16)
        defer { piece.deallocate() }
        repeat {
            stream.next_out = piece.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.avail_out = UInt32(piece.count)
            let result = inflate(&stream, Z_NO_FLUSH)
            guard [Z_OK, Z_STREAM_END, Z_BUF_ERROR].contains(result) else { throw .brokenContentEncoding }
            isFinished = result == Z_STREAM_END
            try take(UnsafeRawBufferPointer(rebasing: piece[..<(piece.count - Int(stream.avail_out))]))
        } while stream.avail_out == 0 && !isFinished
        guard !isFinished || stream.avail_in == 0 else { throw .brokenContentEncoding }
    }

    /// - Throws: if the body ended before what is compressed in it.
    func finish() throws(Refusal) {
        guard isFinished else { throw .brokenContentEncoding }
    }
}
