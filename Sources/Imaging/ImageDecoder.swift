/// An image together with what its file said about it.
public struct DecodedImage: Sendable {
    public let image: RGBImage
    public let description: ImageDescription

    public init(image: RGBImage, description: ImageDescription) {
        self.image = image
        self.description = description
    }
}

/// Turns the bytes of an image file into 8-bit RGB, bit for bit as Pillow's `Image.open(…).convert("RGB")` does, and into a network's crop.
///
/// Holds nothing but settings: one decoder serves any number of threads at the same time.
public struct ImageDecoder: Sendable {
    /// What becomes of the orientation that a file's EXIF or XMP data give.
    public enum EXIF: String, Sendable, CaseIterable {
        /// The image is turned upright, as every viewer shows it: Pillow's `ImageOps.exif_transpose`.
        case apply
        /// The image stays as it is stored, as timm evaluates it.
        case ignore
    }

    /// At what size a JPEG is decoded.
    public enum Scale: String, Sendable, CaseIterable {
        /// As it is stored, so that every pixel is Pillow's.
        case full
        /// Where it is far larger than the resized image: at an eighth, a quarter or a half of its size. Faster, and other pixels.
        case scaled
    }

    public var limits: ImageLimits
    public var exif: EXIF
    public var scale: Scale

    public init(limits: ImageLimits = ImageLimits(), exif: EXIF = .apply, scale: Scale = .full) {
        self.limits = limits
        self.exif = exif
        self.scale = scale
    }

    /// Decodes a file and makes the 8-bit crop that the network sees, `preprocessing.width` x `preprocessing.height`.
    ///
    /// The rows are resized as they are decoded: what is held of an image of 24 megapixels is a few of its rows, unless its format asks for
    /// more (see `ImageLimits.memory`). An image is decoded completely or not at all: rows that the crop leaves out must be sound, too, and
    /// where Pillow warns and fills the rest in gray, this throws.
    /// - Parameters:
    ///   - bytes: the file; read during the call only.
    ///   - deadline: when nobody waits for the crop any more: the work ends within a strip of rows.
    ///   - isAbandoned: whether nobody waits any more, as soon as that is known: asked for about every hundredth of a second.
    /// - Throws: `ImageError`, whatever the bytes are: no input ends the process.
    /// - Precondition: the preprocessing's `problem` is nil.
    public func crop(
        _ bytes: UnsafeRawBufferPointer, for preprocessing: Preprocessing, deadline: ContinuousClock.Instant? = nil,
        isAbandoned: (() -> Bool)? = nil
    ) throws(ImageError) -> DecodedImage {
        let limit = DecodeLimit(limits.time, deadline: deadline, isAbandoned: isAbandoned)
        var opened = try open(bytes)
        let orientation = exif == .apply ? opened.description.orientation : .upright
        let stored = (opened.description.width, opened.description.height)
        if scale == .scaled, let jpeg = opened.rows as? JPEGRows {
            try jpeg.scale(eighths: preprocessing.eighths(stored: stored, orientation))
        }
        let crop = try preprocessing.crop(opened.rows, stored: stored, orientation, limit)
        opened.description.warnings = try opened.rows.finish()
        return DecodedImage(image: crop, description: opened.description)
    }

    /// Decodes a whole file, and leaves it as it is stored: what `crop` is held against.
    ///
    /// - Parameter bytes: read during the call only.
    /// - Throws: `ImageError`.
    public func decode(_ bytes: UnsafeRawBufferPointer) throws(ImageError) -> DecodedImage {
        var opened = try open(bytes)
        let (width, height) = (opened.rows.width, opened.rows.height)
        try opened.rows.start(columns: 0..<width, rows: 0..<height, limit: DecodeLimit(limits.time))
        var pixels = [UInt8](repeating: 0, count: 3 * width * height)
        let result = pixels.withUnsafeMutableBufferPointer { pixels in
            Result { () throws(ImageError) in
                if let base = pixels.baseAddress { try opened.rows.read(height, into: base) }
            }
        }
        try result.get()
        opened.description.warnings = try opened.rows.finish()
        return DecodedImage(image: RGBImage(width: width, height: height, pixels: pixels), description: opened.description)
    }

    /// What a file says of itself, and what decoding it will take: its header is held against the limits, and no pixel is decoded.
    ///
    /// - Parameter bytes: read during the call only.
    /// - Throws: `ImageError`, for what the header alone is refused for.
    public func inspect(_ bytes: UnsafeRawBufferPointer) throws(ImageError) -> (description: ImageDescription, cost: DecodeCost) {
        let opened = try open(bytes)
        return (opened.description, opened.cost)
    }

    /// Reads the header and holds it against the limits.
    private func open(_ bytes: UnsafeRawBufferPointer) throws(ImageError) -> OpenedImage {
        guard !bytes.isEmpty else { throw .empty }
        switch ImageSignature(bytes) {
        case .served(.jpeg): return try JPEGRows.open(bytes, limits: limits)
        case .served(.png): return try PNGRows.open(bytes, limits: limits)
        case .served(.webp): return try WebPRows.open(bytes, limits: limits)
        case .other(let looksLike, let advice): throw .unsupportedFormat(looksLike, advice: advice)
        }
    }
}
