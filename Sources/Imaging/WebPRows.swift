import CWebP

/// Decodes a WebP as Pillow does. libwebp gives no rows: it fills a bitmap, here only of the part that is used.
final class WebPRows: RowDecoder {
    let width: Int
    let height: Int
    private let container: WebPContainer
    private let isLossless: Bool
    private let hasAlpha: Bool
    private let limits: ImageLimits
    private let end: Int
    private var config = WebPDecoderConfig()
    /// What is decoded, in the image's pixels.
    private var window: (columns: Range<Int>, rows: Range<Int>) = (0..<0, 0..<0)
    private var next = 0

    /// - Parameter bytes: must outlive the decoder.
    static func open(_ bytes: UnsafeRawBufferPointer, limits: ImageLimits) throws(ImageError) -> OpenedImage {
        var features = try Self.features(bytes)
        // Before anything is made of the chunks, of which there may be many.
        try limits.check(width: Int(features.width), height: Int(features.height))
        let hasAlpha = features.has_alpha != 0
        let container = try WebPContainer(bytes)
        try limits.check(width: container.width, height: container.height)
        if features.has_animation != 0 { features = try Self.features(container.bitstream) }
        let description = ImageDescription(
            format: .webp, width: container.width, height: container.height, orientation: container.orientation,
            colorMode: hasAlpha ? .rgba : .rgb)
        let isLossless = features.format == 2
        let rows = WebPRows(container, isLossless: isLossless, hasAlpha: hasAlpha, end: bytes.count, limits)
        let cost = DecodeCost.webp(container, isLossless: isLossless, hasAlpha: hasAlpha)
        return OpenedImage(rows: rows, description: description, cost: cost)
    }

    private static func features(_ bytes: UnsafeRawBufferPointer) throws(ImageError) -> WebPBitstreamFeatures {
        var features = WebPBitstreamFeatures()
        try check(WebPGetFeatures(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, &features))
        return features
    }

    private init(_ container: WebPContainer, isLossless: Bool, hasAlpha: Bool, end: Int, _ limits: ImageLimits) {
        self.container = container
        self.isLossless = isLossless
        self.hasAlpha = hasAlpha
        self.end = end
        self.limits = limits
        width = container.width
        height = container.height
    }

    deinit { WebPFreeDecBuffer(&config.output) }

    func start(columns: Range<Int>, rows: Range<Int>, limit: DecodeLimit) throws(ImageError) {
        // The smooth upsampling of chroma looks one sample, two pixels, past what it makes, and a window must begin at an even place, as every
        // frame does. It reaches to the bottom: below it libwebp would decode nothing, and find no damage there.
        let frame = (columns: container.columns, rows: container.rows)
        let left = max(0, min(columns.lowerBound - 4 - frame.columns.lowerBound, frame.columns.count - 1)) & ~1
        let right = min(frame.columns.count, max(columns.upperBound + 4 - frame.columns.lowerBound, left + 1))
        let top = max(0, min(rows.lowerBound - 4 - frame.rows.lowerBound, frame.rows.count - 1)) & ~1
        window.columns = frame.columns.lowerBound + left..<frame.columns.lowerBound + right
        window.rows = frame.rows.lowerBound + top..<frame.rows.upperBound
        let bitmap = 3 * window.columns.count * window.rows.count
        try limits.check(
            memory: bitmap + (isLossless || hasAlpha ? 4 * frame.columns.count * frame.rows.count : 0), width: width, height: height,
            kind: isLossless ? "a lossless WebP" : hasAlpha ? "a WebP with transparency" : "a WebP")
        guard WebPInitDecoderConfig(&config) != 0 else { throw .corrupt("the libwebp that is installed is another than was built with") }
        config.output.colorspace = MODE_RGB
        config.options.use_cropping = 1
        config.options.crop_left = Int32(left)
        config.options.crop_top = Int32(top)
        config.options.crop_width = Int32(window.columns.count)
        config.options.crop_height = Int32(window.rows.count)
        try decode(limit)
    }

    /// Hands the bytes on little by little: what comes of a part is decoded before the limit is looked at. libwebp cannot be stopped within a
    /// part, and a flat image is all in one: of the largest that is let pass that takes half a second.
    private func decode(_ limit: DecodeLimit) throws(ImageError) {
        guard let decoder = WebPIDecode(nil, 0, &config) else {
            throw .tooLarge(width: width, height: height, limit: "the memory that is free")
        }
        defer { WebPIDelete(decoder) }
        let bytes = container.bitstream
        // What makes about a megapixel, if the bytes are even; and growing, as libwebp reads some headers anew until they are whole.
        let megapixels = container.columns.count * container.rows.count >> 20
        let least = max(64, min(32 * 1024, bytes.count / (megapixels + 1)))
        var given = 0
        while given < bytes.count {
            try limit.check()
            given = min(bytes.count, given + max(least, given / 16))
            let status = WebPIUpdate(decoder, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), given)
            if status == VP8_STATUS_OK { return }
            if status != VP8_STATUS_SUSPENDED { try Self.check(status) }
        }
        throw .corrupt("it ends too early")
    }

    func read(_ count: Int, into rows: UnsafeMutablePointer<UInt8>) {
        let bitmap = config.output.u.RGBA
        // What a frame leaves of the image is black.
        if container.columns.count < width || container.rows.count < height { rows.update(repeating: 0, count: 3 * width * count) }
        for row in 0..<count where window.rows.contains(next + row) {
            rows.advanced(by: 3 * (row * width + window.columns.lowerBound)).update(
                from: bitmap.rgba + (next + row - window.rows.lowerBound) * Int(bitmap.stride), count: 3 * window.columns.count)
        }
        next += count
    }

    func finish() -> [String] { container.count < end ? [noteTrailingBytes(end - container.count)] : [] }

    private static func check(_ status: VP8StatusCode) throws(ImageError) {
        switch status {
        case VP8_STATUS_OK: return
        case VP8_STATUS_NOT_ENOUGH_DATA: throw .corrupt("it ends too early")
        case VP8_STATUS_UNSUPPORTED_FEATURE: throw .unsupportedFormat("a WebP image of a later kind")
        default: throw .corrupt("the WebP bitstream is damaged")
        }
    }
}
