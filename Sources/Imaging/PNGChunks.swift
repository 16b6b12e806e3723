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
        func name(_ at: Int) -> String { String(decoding: bytes[at..<at + 4], as: UTF8.self) }
        // Length, name, content, check sum.
        var at = Self.signature.count
        if bytes.count >= at + 8, name(at + 4) == "CgBI" {
            let advice = "send the original, or undo it: pngcrush -revert-iphone-optimizations"
            throw .unsupportedFormat("a PNG in Apple's own form (CgBI), as Xcode puts it into apps", advice: advice)
        }
        guard bytes.count >= at + 25, number(at) == 13, name(at + 4) == "IHDR" else { throw .corrupt("it does not begin with a header") }
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
        while at + 12 <= bytes.count {
            let (length, kind, content) = (number(at), name(at + 4), at + 8)
            guard length <= bytes.count - content else {
                if kind == "IDAT" { cutChunk = at }
                return
            }
            let chunk = UnsafeRawBufferPointer(rebasing: bytes[content..<content + length])
            switch kind {
            case "IEND": return
            case "eXIf": exif = chunk
            case "tEXt", "zTXt", "iTXt": read(PNGText(chunk, kind: kind))
            case "acTL" where length >= 8: frames = number(content)
            default: break
            }
            at = content + length + 4
        }
    }

    private mutating func read(_ text: PNGText?) {
        switch text?.keyword {
        case "exif": exif = text?.stored
        case "Raw profile type exif": rawProfile = text
        case "XML:com.adobe.xmp": xmp = text
        default: break
        }
    }

    /// Texts are decompressed only here, one of each kind at the most: many small ones can hold very much.
    var orientation: Orientation {
        let number = exif.map(Orientation.number(inEXIF:)) ?? rawProfile?.profile?.withUnsafeBytes(Orientation.number(inEXIF:))
        return Orientation((number ?? nil) ?? xmp?.withContent(Orientation.number(inXMP:)) ?? nil)
    }
}
