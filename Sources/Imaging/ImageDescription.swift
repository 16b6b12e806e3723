/// The image formats that are served. The raw value is what an answer calls the format.
public enum ImageFormat: String, Sendable, CaseIterable {
    case jpeg, png, webp

    /// As people write it.
    var name: String {
        switch self {
        case .jpeg: "JPEG"
        case .png: "PNG"
        case .webp: "WebP"
        }
    }

    /// "JPEG, PNG or WebP".
    static var list: String {
        let names = allCases.map(\.name)
        return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
    }
}

/// How a file stores colour. The raw value is what an answer says.
public enum ColorMode: String, Sendable {
    case gray
    case grayAlpha = "gray_alpha"
    /// YCbCr counts as RGB.
    case rgb, rgba, palette
    /// YCCK counts as CMYK.
    case cmyk
}

/// What a file said about its image.
public struct ImageDescription: Sendable, Equatable {
    public var format: ImageFormat
    /// Pixels a row, as stored.
    public var width: Int
    /// Rows, as stored.
    public var height: Int
    /// What the file's EXIF or XMP data say; 1 where they say nothing.
    public var orientation: Orientation
    public var colorMode: ColorMode
    /// What was passed over because the pixels are whole without it, in words.
    public var warnings: [String]

    public init(
        format: ImageFormat, width: Int, height: Int, orientation: Orientation = .upright, colorMode: ColorMode, warnings: [String] = []
    ) {
        self.format = format
        self.width = width
        self.height = height
        self.orientation = orientation
        self.colorMode = colorMode
        self.warnings = warnings
    }
}
