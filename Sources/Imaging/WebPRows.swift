import CWebP

/// Decodes a WebP as Pillow does. libwebp gives no rows: it fills a bitmap, here only of the part that is used.
final class WebPRows: RowDecoder {
    let width: Int
    let height: Int
    private let bytes: UnsafeRawBufferPointer
    private let isLossless: Bool
    private let limits: ImageLimits
    private let end: Int
    private var config = WebPDecoderConfig()
    private var window: (columns: Range<Int>, rows: Range<Int>) = (0..<0, 0..<0)
    private var next = 0

    /// - Parameter bytes: must outlive the decoder.
    static func open(_ bytes: UnsafeRawBufferPointer, limits: ImageLimits) throws(ImageError) -> OpenedImage {
        var features = WebPBitstreamFeatures()
        let pointer = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        try check(WebPGetFeatures(pointer, bytes.count, &features))
        let (width, height) = (Int(features.width), Int(features.height))
        try limits.check(width: width, height: height)
        if features.has_animation != 0 { throw .unsupportedFormat("an animated WebP image") }
        let container = try Container(bytes)
        let description = ImageDescription(
            format: .webp, width: width, height: height, orientation: container.orientation,
            colorMode: features.has_alpha != 0 ? .rgba : .rgb)
        let rows = WebPRows(bytes, width, height, isLossless: features.format == 2, end: container.count, limits)
        return OpenedImage(rows: rows, description: description)
    }

    private init(
        _ bytes: UnsafeRawBufferPointer, _ width: Int, _ height: Int, isLossless: Bool, end: Int, _ limits: ImageLimits
    ) {
        self.bytes = bytes
        self.width = width
        self.height = height
        self.isLossless = isLossless
        self.end = end
        self.limits = limits
    }

    deinit { WebPFreeDecBuffer(&config.output) }

    func start(columns: Range<Int>, rows: Range<Int>, time: TimeLimit) throws(ImageError) {
        // The smooth upsampling of chroma looks one sample, two pixels, past what it makes, and a window must begin at an even place. It
        // reaches to the bottom: below it libwebp would decode nothing, and find no damage there.
        window.columns = max(0, columns.lowerBound - 4) & ~1..<min(width, columns.upperBound + 4)
        window.rows = max(0, rows.lowerBound - 4) & ~1..<height
        let bitmap = 3 * window.columns.count * window.rows.count
        try limits.check(
            memory: bitmap + (isLossless ? 4 * width * height : 0), width: width, height: height,
            kind: isLossless ? "a lossless WebP" : "a WebP")
        guard WebPInitDecoderConfig(&config) != 0 else { throw .corrupt("the libwebp that is installed is another than was built with") }
        config.output.colorspace = MODE_RGB
        config.options.use_cropping = 1
        config.options.crop_left = Int32(window.columns.lowerBound)
        config.options.crop_top = Int32(window.rows.lowerBound)
        config.options.crop_width = Int32(window.columns.count)
        config.options.crop_height = Int32(window.rows.count)
        try decode(time)
    }

    /// Hands the bytes on little by little: what comes of a part is decoded before the clock is looked at.
    private func decode(_ time: TimeLimit) throws(ImageError) {
        guard let decoder = WebPIDecode(nil, 0, &config) else {
            throw .tooLarge(width: width, height: height, limit: "the memory that is free")
        }
        defer { WebPIDelete(decoder) }
        let pointer = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let part = 32 * 1024
        for given in stride(from: min(part, bytes.count), through: bytes.count + part - 1, by: part) {
            try time.check()
            let status = WebPIUpdate(decoder, pointer, min(given, bytes.count))
            if status == VP8_STATUS_OK { return }
            if status != VP8_STATUS_SUSPENDED { try Self.check(status) }
        }
        throw .corrupt("it ends too early")
    }

    func read(_ count: Int, into rows: UnsafeMutablePointer<UInt8>) {
        let bitmap = config.output.u.RGBA
        for row in 0..<count where window.rows.contains(next + row) {
            rows.advanced(by: 3 * (row * width + window.columns.lowerBound)).update(
                from: bitmap.rgba + (next + row - window.rows.lowerBound) * Int(bitmap.stride), count: 3 * window.columns.count)
        }
        next += count
    }

    func finish() -> [String] { end < bytes.count ? [noteTrailingBytes(bytes.count - end)] : [] }

    private static func check(_ status: VP8StatusCode) throws(ImageError) {
        switch status {
        case VP8_STATUS_OK: return
        case VP8_STATUS_NOT_ENOUGH_DATA: throw .corrupt("it ends too early")
        case VP8_STATUS_UNSUPPORTED_FEATURE: throw .unsupportedFormat("a WebP image of a later kind")
        default: throw .corrupt("the WebP bitstream is damaged")
        }
    }

    /// What lies around the pixels.
    private struct Container {
        let orientation: Orientation
        /// Bytes that belong to the file.
        let count: Int

        init(_ bytes: UnsafeRawBufferPointer) throws(ImageError) {
            var data = WebPData(bytes: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), size: bytes.count)
            guard let demuxer = WebPDemux(&data) else { throw .corrupt("it ends too early, or its chunks contradict each other") }
            defer { WebPDemuxDelete(demuxer) }
            var chunk = WebPChunkIterator()
            if WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) != 0 {
                orientation = Orientation(exif: UnsafeRawBufferPointer(start: chunk.chunk.bytes, count: chunk.chunk.size))
                WebPDemuxReleaseChunkIterator(&chunk)
            } else {
                orientation = .upright
            }
            // The RIFF header: a name, the number of bytes that follow, little-endian; padded to an even number.
            let size = bytes[4..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
            count = 8 + size + size % 2
        }
    }
}
