/// What a PNG's chunks say before any of them is decoded. It only ever refuses; whether a file is sound is for libpng to say.
/// Names are those of the W3C's Portable Network Graphics specification.
struct PNGChunks {
    let width: Int
    let height: Int
    let colorMode: ColorMode
    let isInterlaced: Bool
    /// The EXIF data (`eXIf`), which may lie behind the pixels.
    private(set) var exif: UnsafeRawBufferPointer?
    /// What `acTL` says: more than one is an animation.
    private(set) var frames = 1

    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    /// - Parameter bytes: begin with the signature.
    init(_ bytes: UnsafeRawBufferPointer) throws(ImageError) {
        func number(_ at: Int) -> Int { bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
        func name(_ at: Int) -> String { String(decoding: bytes[at..<at + 4], as: UTF8.self) }
        // Length, name, content, check sum.
        var at = Self.signature.count
        guard bytes.count >= at + 25, number(at) == 13, name(at + 4) == "IHDR" else { throw .corrupt("it does not begin with a header") }
        width = number(at + 8)
        height = number(at + 12)
        isInterlaced = bytes[at + 20] != 0
        colorMode =
            switch bytes[at + 17] {
            case 0: .gray
            case 2: .rgb
            case 3: .palette
            case 4: .grayAlpha
            case 6: .rgba
            case let type: throw .corrupt("there is no colour type \(type)")
            }
        while at + 12 <= bytes.count {
            let length = number(at)
            let content = at + 8
            guard length <= bytes.count - content else { return }
            switch name(at + 4) {
            case "IEND": return
            case "eXIf": exif = exif ?? UnsafeRawBufferPointer(rebasing: bytes[content..<content + length])
            case "acTL" where length >= 8: frames = number(content)
            default: break
            }
            at = content + length + 4
        }
    }
}
