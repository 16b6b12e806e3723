/// How a stored image must be turned to be upright: EXIF's tag 0x0112, 1 to 8.
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

extension Orientation {
    /// Reads it from a block of EXIF data, with or without the name that it has in a JPEG; upright where the block says nothing.
    ///
    /// EXIF data is a TIFF file (TIFF 6.0, section 2), of which this reads one entry of the first directory. That is all a classifier needs
    /// of it: a library would parse the makers' notes of all cameras as well, which come from anywhere.
    init(exif block: UnsafeRawBufferPointer) {
        let name = Array("Exif\0\0".utf8)
        let tiff = TIFF(bytes: UnsafeRawBufferPointer(rebasing: block.starts(with: name) ? block.dropFirst(name.count) : block[...]))
        self = tiff?.number(ofTag: 0x0112).flatMap(Orientation.init(rawValue:)) ?? .upright
    }
}

/// The first directory of a TIFF file. Every read is within the bytes, or nil.
private struct TIFF {
    let bytes: UnsafeRawBufferPointer
    let isLittleEndian: Bool

    /// Nil if it does not begin as a TIFF file.
    init?(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        if bytes.starts(with: Array("II*\0".utf8)) {
            isLittleEndian = true
        } else if bytes.starts(with: Array("MM\0*".utf8)) {
            isLittleEndian = false
        } else {
            return nil
        }
    }

    /// The value of an entry that holds one whole number.
    func number(ofTag tag: Int) -> Int? {
        guard let directory = unsigned(at: 4, bytes: 4), let entries = unsigned(at: directory, bytes: 2) else { return nil }
        for index in 0..<entries {
            // Tag, type, count, value: 2, 2, 4 and 4 bytes.
            let entry = directory + 2 + 12 * index
            guard let found = unsigned(at: entry, bytes: 2) else { return nil }
            guard found == tag else { continue }
            guard unsigned(at: entry + 4, bytes: 4) == 1 else { return nil }
            switch unsigned(at: entry + 2, bytes: 2) {
            case 3: return unsigned(at: entry + 8, bytes: 2)
            case 4: return unsigned(at: entry + 8, bytes: 4)
            default: return nil
            }
        }
        return nil
    }

    private func unsigned(at offset: Int, bytes count: Int) -> Int? {
        guard offset <= bytes.count - count else { return nil }
        let digits = bytes[offset..<offset + count]
        func value(_ digits: some Sequence<UInt8>) -> Int { digits.reduce(0) { $0 << 8 | Int($1) } }
        return isLittleEndian ? value(digits.reversed()) : value(digits)
    }
}
