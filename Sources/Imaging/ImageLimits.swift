/// Bounds on what one image may ask of the decoder, all but the time known before the work they bound is begun.
public struct ImageLimits: Sendable {
    /// Width times height.
    public var pixels: Int
    /// The longer edge, in pixels. 65,500 is the most that libjpeg itself takes.
    public var dimension: Int
    /// Scans of one JPEG: each is a pass over the whole image, and a few bytes are enough to ask for one.
    public var scans: Int
    /// Samples that the scans of one JPEG go through, all together: what stops many passes over a large image before the first of them.
    /// A progressive image goes over each of its components about six times; the default, 25 times the limit of pixels, lets CMYK pass. Of 100
    /// megapixels, so many empty scans decode in half a second.
    public var scannedSamples: Int
    /// Bytes held for one image besides its file. Most are decoded row by row and need a few megabytes; what must be held as a whole is a
    /// JPEG of several scans (2 bytes a sample), half of an interlaced PNG (1.5 a pixel) and a WebP (3 a pixel below the crop's top, and 4 a pixel
    /// more where it is lossless or transparent). The default lets 100 megapixels of the first two pass.
    public var memory: Int
    /// From the beginning of decoding to the finished crop.
    public var time: Duration

    public init(
        pixels: Int = 100_000_000, dimension: Int = 65_500, scans: Int = 200, scannedSamples: Int? = nil, memory: Int = 300 << 20,
        time: Duration = .seconds(10)
    ) {
        self.pixels = pixels
        self.dimension = dimension
        self.scans = scans
        self.scannedSamples = scannedSamples ?? 25 * pixels
        self.memory = memory
        self.time = time
    }

    /// - Throws: `ImageError.tooLarge` for a size past a limit.
    func check(width: Int, height: Int) throws(ImageError) {
        guard width <= dimension, height <= dimension else {
            throw .tooLarge(width: width, height: height, limit: "\(dimension) pixels an edge")
        }
        let (area, overflow) = width.multipliedReportingOverflow(by: height)
        guard !overflow, area <= pixels else {
            let limit = pixels.isMultiple(of: 1_000_000) ? "\(pixels / 1_000_000) megapixels" : "\(pixels) pixels"
            throw .tooLarge(width: width, height: height, limit: limit)
        }
    }

    /// - Throws: `ImageError.tooLarge` where the scans of a JPEG go over more samples than a limit.
    func check(scannedSamples needed: Int, scans: Int, width: Int, height: Int) throws(ImageError) {
        guard needed <= scannedSamples else {
            let limit =
                "\(scannedSamples / 1_000_000) million samples over all scans, of which its \(scans) scans have \(needed / 1_000_000)"
            throw .tooLarge(width: width, height: height, limit: limit)
        }
    }

    /// - Parameter needed: bytes that must be held for the image at once.
    /// - Throws: `ImageError.tooLarge` where that is too much.
    func check(memory needed: Int, width: Int, height: Int, kind: String) throws(ImageError) {
        guard needed <= memory else {
            let limit = "\(memory >> 20) MiB of memory, of which \(kind) of this size needs \(needed >> 20)"
            throw .tooLarge(width: width, height: height, limit: limit)
        }
    }
}
