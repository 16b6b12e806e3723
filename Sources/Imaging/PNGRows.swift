import CImageRows

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Decodes a PNG as Pillow does, with one difference that is meant: of 16-bit gray this takes the upper eight bits, as Pillow does for
/// every other 16-bit PNG; Pillow's own conversion cuts all from 255 on to white.
final class PNGRows: RowDecoder {
    let width: Int
    let height: Int
    /// The only owner of it.
    private let decoder: OpaquePointer
    private var limit: DecodeLimit?

    /// - Parameter bytes: must outlive the decoder.
    /// - Throws: `ImageError`; a check sum that fails is an error in every chunk.
    static func open(_ bytes: UnsafeRawBufferPointer, limits: ImageLimits) throws(ImageError) -> OpenedImage {
        let chunks = try PNGChunks(bytes)
        let (width, height) = (chunks.width, chunks.height)
        guard width > 0, height > 0 else { throw .corrupt("it has \(width) x \(height) pixels") }
        try limits.check(width: width, height: height)
        if chunks.frames > 1 { throw .unsupportedFormat("an animated PNG image") }
        // As `read_even_rows` takes it.
        let held = chunks.isInterlaced ? 3 * width * ((height + 1) / 2 + 1) : 0
        try limits.check(memory: held, width: width, height: height, kind: "an interlaced PNG")
        let description = ImageDescription(
            format: .png, width: width, height: height, orientation: chunks.orientation, colorMode: chunks.colorMode)
        let rows = PNGRows(bytes, width: width, height: height, cutChunk: chunks.cutChunk)
        return OpenedImage(rows: rows, description: description, cost: .png(chunks, held: held, bytes: bytes.count))
    }

    private init(_ bytes: UnsafeRawBufferPointer, width: Int, height: Int, cutChunk: Int?) {
        // It fails for want of a few kilobytes only; then Swift's own allocations end the process, too.
        let pointer = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let decoder = png_rows_create(pointer, bytes.count, cutChunk ?? bytes.count) else {
            fatalError("libpng: no memory")
        }
        self.decoder = decoder
        self.width = width
        self.height = height
    }

    deinit { png_rows_destroy(decoder) }

    func start(columns: Range<Int>, rows: Range<Int>, limit: DecodeLimit) throws(ImageError) {
        self.limit = limit
        guard png_rows_start(decoder, limit.forRows()) else { throw failure() }
    }

    func read(_ count: Int, into rows: UnsafeMutablePointer<UInt8>) throws(ImageError) {
        for row in 0..<count {
            guard png_rows_read(decoder, rows + 3 * width * row) else { throw failure() }
        }
    }

    func finish() throws(ImageError) -> [String] {
        var left: Int64 = 0
        guard png_rows_finish(decoder, &left) else { throw failure() }
        if left < 0 { return ["all rows are there, but the file ends before its end chunk"] }
        return left > 0 ? [noteTrailingBytes(Int(left))] : []
    }

    private func failure() -> ImageError {
        switch png_rows_failure(decoder) {
        case ROWS_STOPPED: .tooSlow(limit: limit?.allowed ?? .zero)
        case ROWS_NO_MEMORY: .tooLarge(width: width, height: height, limit: "the memory that is free")
        default: .corrupt(String(cString: png_rows_message(decoder)))
        }
    }
}

extension RGBImage {
    /// The image as a PNG file; nil for want of memory.
    public var png: [UInt8]? {
        var count = 0
        guard let file = png_encode_rgb(pixels, Int32(width), Int32(height), &count) else { return nil }
        defer { free(file) }
        return Array(UnsafeBufferPointer(start: file, count: count))
    }
}
