/// What a PNG's chunks say before any of them is decoded. It only ever refuses; whether a file is sound is for libpng to say.
/// Names are those of the W3C's Portable Network Graphics specification.
struct PNGChunks {
    let width: Int
    let height: Int
    let colorMode: ColorMode
    /// Bits a pixel, as stored.
    let pixelBits: Int
    let isInterlaced: Bool
    /// What `acTL` says: more than one is an animation.
    private(set) var frames = 1
    private var animations = 0
    /// Where the chunk of image data (`IDAT`) begins that claims to go on past the file's end.
    private(set) var cutChunk: Int?

    /// The metadata, which may lie behind the pixels; of several the last counts, as for Pillow.
    private var exif: UnsafeRawBufferPointer?
    private var rawProfile: PNGText?
    private var xmp: PNGText?

    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    /// - Parameter bytes: begin with the signature.
    init(_ bytes: UnsafeRawBufferPointer) throws(ImageError) {
        func number(_ at: Int) -> Int { bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
        // Length, name, content, check sum.
        var at = Self.signature.count
        if bytes.count >= at + 8, number(at + 4) == Name.apple {
            let advice = "send the original, or undo it: pngcrush -revert-iphone-optimizations"
            throw .unsupportedFormat("a PNG in Apple's own form (CgBI), as Xcode puts it into apps", advice: advice)
        }
        guard bytes.count >= at + 25, number(at) == 13, number(at + 4) == Name.header else {
            throw .corrupt("it does not begin with a header")
        }
        width = number(at + 8)
        height = number(at + 12)
        isInterlaced = bytes[at + 20] != 0
        let samples: Int
        switch bytes[at + 17] {
        case 0: (colorMode, samples) = (.gray, 1)
        case 2: (colorMode, samples) = (.rgb, 3)
        case 3: (colorMode, samples) = (.palette, 1)
        case 4: (colorMode, samples) = (.grayAlpha, 2)
        case 6: (colorMode, samples) = (.rgba, 4)
        case let type: throw .corrupt("there is no colour type \(type)")
        }
        pixelBits = samples * Int(bytes[at + 16])
        var hasPixels = false
        while at + 12 <= bytes.count {
            let (length, name, content) = (number(at), number(at + 4), at + 8)
            guard length <= bytes.count - content else {
                if name == Name.pixels { cutChunk = at }
                return
            }
            let chunk = UnsafeRawBufferPointer(rebasing: bytes[content..<content + length])
            switch name {
            case Name.end: return
            case Name.pixels: hasPixels = true
            case Name.exif: exif = chunk
            case Name.text: read(PNGText(plain: chunk))
            case Name.compressedText: read(PNGText(compressed: chunk))
            case Name.internationalText: read(PNGText(international: chunk))
            case Name.animation where length >= 8 && !hasPixels:
                // A number that is none, or a second one, makes a still image of it.
                frames = animations == 0 && number(content) <= 1 << 31 ? number(content) : 1
                animations += 1
            default: break
            }
            at = content + length + 4
        }
    }

    /// Chunk names as numbers: there may be a million of them.
    private enum Name {
        static let header = number("IHDR")
        static let pixels = number("IDAT")
        static let end = number("IEND")
        static let exif = number("eXIf")
        static let text = number("tEXt")
        static let compressedText = number("zTXt")
        static let internationalText = number("iTXt")
        static let animation = number("acTL")
        static let apple = number("CgBI")

        private static func number(_ name: String) -> Int { name.utf8.reduce(0) { $0 << 8 | Int($1) } }
    }

    private mutating func read(_ text: PNGText?) {
        switch text?.keyword {
        case .exif: exif = text?.stored
        case .rawProfile: rawProfile = text
        case .xmp: xmp = text
        case nil: break
        }
    }

    /// Texts are decompressed only here, one of each kind at the most: many small ones can hold very much.
    var orientation: Orientation {
        let number = exif.map(Orientation.number(inEXIF:)) ?? rawProfile?.profile?.withUnsafeBytes(Orientation.number(inEXIF:))
        return Orientation((number ?? nil) ?? xmp?.withContent(Orientation.number(inXMP:)) ?? nil)
    }
}
