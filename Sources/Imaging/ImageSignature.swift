/// What the first bytes say a file is. The bytes decide, never a file name or a media type.
enum ImageSignature: Equatable {
    case served(ImageFormat)
    /// Not served; the value completes "this looks like …".
    case other(String, advice: String? = nil)

    init(_ bytes: UnsafeRawBufferPointer) {
        // Two bytes, not the usual three, so that a JPEG cut off after its start marker is called corrupt.
        if bytes.starts(with: [0xFF, 0xD8]) {
            self = .served(.jpeg)
        } else if bytes.starts(with: PNGChunks.signature) {
            self = .served(.png)
        } else if bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) {
            self = .served(.webp)
        } else if let file = Self.baseMedia(bytes) {
            self = file
        } else {
            self = .other(Self.signatures.first { $0.matches(bytes) }?.name ?? Self.guess(bytes))
        }
    }

    private struct Signature {
        var offset = 0
        var magic: String
        var name: String

        func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
            bytes.dropFirst(offset).starts(with: magic.unicodeScalars.lazy.map { UInt8(truncatingIfNeeded: $0.value) })
        }
    }

    /// The formats that clients send by mistake, for the error's sake only.
    private static let signatures = [
        Signature(magic: "GIF8", name: "a GIF image"),
        Signature(offset: 4, magic: "moov", name: "an MP4 or QuickTime file"),
        Signature(offset: 4, magic: "mdat", name: "an MP4 or QuickTime file"),
        Signature(magic: "BM", name: "a BMP image"),
        Signature(magic: "II*\0", name: "a TIFF image"),
        Signature(magic: "MM\0*", name: "a TIFF image"),
        Signature(magic: "\0\0\0\u{0C}jP  ", name: "a JPEG 2000 image"),
        Signature(magic: "\u{FF}\u{0A}", name: "a JPEG XL image"),
        Signature(magic: "\0\0\0\u{0C}JXL ", name: "a JPEG XL image"),
        Signature(magic: "%PDF", name: "a PDF document"),
        Signature(magic: "PK\u{03}\u{04}", name: "a ZIP archive"),
        Signature(magic: "\u{1F}\u{8B}", name: "gzip-compressed data"),
        Signature(magic: "data:", name: "a data URL (send the bytes themselves, not base64)"),
        Signature(magic: "/9j/", name: "a JPEG in base64 (send the bytes themselves)"),
        Signature(magic: "iVBORw0K", name: "a PNG in base64 (send the bytes themselves)"),
    ]

    /// A file of ISO/IEC 14496-12 begins with a box `ftyp`: its brand, a version, and the brands that it is compatible with. Nil for others.
    /// Images (ISO/IEC 23008-12) often have a brand that only says so, `mif1`, and their coding among the others.
    private static func baseMedia(_ bytes: UnsafeRawBufferPointer) -> ImageSignature? {
        guard bytes.dropFirst(4).starts(with: "ftyp".utf8), bytes.count >= 12 else { return nil }
        let end = min(bytes.count, bytes[0..<4].reduce(0) { $0 << 8 | Int($1) }, 1024)
        var brands = [String(decoding: bytes[8..<12], as: UTF8.self)]
        for at in stride(from: 16, to: end - 3, by: 4) { brands.append(String(decoding: bytes[at..<at + 4], as: UTF8.self)) }
        func has(_ some: String...) -> Bool { brands.contains(where: some.contains) }
        if has("avif", "avis") { return .other("an AVIF image") }
        if has("heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs") {
            let advice = "convert it to JPEG, or let the iPhone take JPEGs: Settings, Camera, Formats, Most Compatible"
            return .other("a HEIC image, as iPhones take them", advice: advice)
        }
        if has("mif1", "msf1", "mif2", "miaf") { return .other("a HEIF image") }
        if brands[0] == "crx " { return .other("a raw photograph (Canon CR3)") }
        return .other("an MP4 or QuickTime file")
    }

    private static func guess(_ bytes: UnsafeRawBufferPointer) -> String {
        let isText = bytes.prefix(64).allSatisfy { $0 >= 0x20 && $0 < 0x7F || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
        return isText ? "text" : "no known image format"
    }
}

extension ImageFormat {
    /// What a file begins as; nil for one that is not served.
    public init?(signatureOf bytes: UnsafeRawBufferPointer) {
        guard case .served(let format) = ImageSignature(bytes) else { return nil }
        self = format
    }
}
