/// The image formats that are served. The raw value is what an answer calls the format.
public enum ImageFormat: String, Sendable {
    case jpeg
}

/// What a file said about its image.
public struct ImageDescription: Sendable, Equatable {
    public var format: ImageFormat
    /// Pixels a row, as stored.
    public var width: Int
    /// Rows, as stored.
    public var height: Int
    /// The EXIF orientation that was undone, 1 to 8; 1 is upright. Always 1: orientations are not read yet.
    public var orientation: Int
    /// How the file stores colour: "rgb" (which includes YCbCr), "gray" or "cmyk" (which includes YCCK).
    public var colorMode: String

    public init(format: ImageFormat, width: Int, height: Int, orientation: Int, colorMode: String) {
        self.format = format
        self.width = width
        self.height = height
        self.orientation = orientation
        self.colorMode = colorMode
    }
}

/// Bounds on what one image may ask of the decoder, all known before the work they bound is begun.
public struct ImageLimits: Sendable {
    /// Width times height.
    public var pixels: Int
    /// The longer edge, in pixels. 65,500 is the most that libjpeg itself takes.
    public var dimension: Int
    /// Scans of one JPEG: each is a pass over the whole image, and a few bytes are enough to ask for one.
    public var scans: Int

    public init(pixels: Int = 100_000_000, dimension: Int = 65_500, scans: Int = 200) {
        self.pixels = pixels
        self.dimension = dimension
        self.scans = scans
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
}

/// An image together with what its file said about it.
public struct DecodedImage: Sendable {
    public let image: RGBImage
    public let description: ImageDescription

    public init(image: RGBImage, description: ImageDescription) {
        self.image = image
        self.description = description
    }
}

/// Turns the bytes of an image file into 8-bit RGB, bit for bit as Pillow's `Image.open(…).convert("RGB")` does.
///
/// Holds no state but the limits: one decoder serves any number of threads at the same time.
public struct ImageDecoder: Sendable {
    public let limits: ImageLimits

    public init(limits: ImageLimits = ImageLimits()) {
        self.limits = limits
    }

    /// Decodes a whole file.
    ///
    /// An image is decoded completely or not at all: where Pillow warns and fills the rest in gray, this throws.
    /// - Parameter bytes: the file's bytes; they are read during the call only.
    /// - Throws: `ImageError`, whatever the bytes are: no input ends the process.
    public func decode(_ bytes: UnsafeRawBufferPointer) throws(ImageError) -> DecodedImage {
        guard !bytes.isEmpty else { throw .empty }
        switch ImageSignature(bytes) {
        case .jpeg: return try decodeJPEG(bytes, limits: limits)
        case .other(let looksLike): throw .unsupportedFormat(looksLike)
        }
    }
}
