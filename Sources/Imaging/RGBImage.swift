/// An 8-bit image in memory: red, green, blue interleaved, rows from the top without padding, shape (height, width, 3).
public struct RGBImage: Sendable, Equatable {
    /// Pixels a row.
    public let width: Int
    /// Rows.
    public let height: Int
    /// `3 * width * height` samples, (height, width, 3).
    public let pixels: [UInt8]

    /// - Precondition: the sizes are positive and `pixels` holds exactly `3 * width * height` samples.
    public init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(width > 0 && height > 0, "an image has at least one pixel")
        precondition(pixels.count == 3 * width * height, "an RGB image holds three samples a pixel")
        self.width = width
        self.height = height
        self.pixels = pixels
    }
}
