#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How a stored image must be turned to be upright: EXIF's and XMP's tag 0x0112, 1 to 8.
public struct Orientation: RawRepresentable, Sendable, Equatable, Hashable {
    public let rawValue: Int

    /// Nil for anything but 1 to 8, which says nothing.
    public init?(rawValue: Int) {
        guard (1...8).contains(rawValue) else { return nil }
        self.rawValue = rawValue
    }

    private init(_ rawValue: Int) { self.rawValue = rawValue }

    public static let upright = Orientation(1)

    // Upright is `upright(x, y) = stored(x, y)`, with y for x in 5 to 8, and counted from the other end where an axis is mirrored.

    /// Whether stored rows are upright columns.
    var swapsAxes: Bool { rawValue >= 5 }
    /// Whether the stored rows count from the other end.
    var mirrorsRows: Bool { [3, 4, 6, 7].contains(rawValue) }
    /// Whether the stored columns count from the other end.
    var mirrorsColumns: Bool { [2, 3, 7, 8].contains(rawValue) }
}

// What a file's metadata says, as Pillow's `ImageOps.exif_transpose` takes it (version 13): the EXIF data count where they have the entry, even
// if it makes no sense; else XMP does.
extension Orientation {
    /// Upright for anything but 1 to 8.
    init(_ number: Int?) { self = number.flatMap(Orientation.init(rawValue:)) ?? .upright }

    static let exifName = Array("Exif\0\0".utf8)

    /// What a block of EXIF data says, with its name in front of it never, once or twice: nil where it says nothing, 0 where that makes no sense.
    static func number(inEXIF block: UnsafeRawBufferPointer) -> Int? {
        var block = block
        for _ in 0..<2 where block.starts(with: exifName) { block = UnsafeRawBufferPointer(rebasing: block.dropFirst(exifName.count)) }
        guard !block.isEmpty else { return nil }
        guard let directory = TIFFDirectory(block) else { return 0 }
        return directory.number(ofTag: 0x0112)
    }

    /// What an XMP packet says. Pillow's way to read it: the first match of `tiff:Orientation(="|>)([0-9])`, whatever the XML around it.
    static func number(inXMP packet: UnsafeRawBufferPointer) -> Int? {
        let (prefix, name) = (Array("tiff:".utf8), Array("Orientation".utf8))
        var at = 0
        // A capital O is seldom: a search for it is as fast as memory.
        while let base = packet.baseAddress, at < packet.count, let found = memchr(base + at, 0x4F, packet.count - at) {
            at = UnsafeRawPointer(found) - base
            let rest = packet[at...]
            at += 1
            guard rest.starts(with: name), packet[..<rest.startIndex].suffix(prefix.count).elementsEqual(prefix) else { continue }
            let value = rest.dropFirst(name.count)
            for sign in ["=\"", ">"] where value.starts(with: sign.utf8) {
                if let digit = value.dropFirst(sign.utf8.count).first, (0x30...0x39).contains(digit) { return Int(digit) - 0x30 }
            }
        }
        return nil
    }
}
