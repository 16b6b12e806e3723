#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a JPEG's markers say that libjpeg does not, or only once it has worked: how many scans there are, which coding is used, how the
/// image is turned.
///
/// It only ever refuses; whether a file is sound is for the library to say. Section numbers are those of ITU-T T.81.
struct JPEGMarkers {
    /// Start-of-scan markers (B.2.3), counted up to one more than asked for.
    private(set) var scans = 0
    /// Why the file's coding is not served, for the first frame header (B.2.2); nil where it is.
    private(set) var unsupported: String?
    /// The EXIF data: the first APP1 segment of that name.
    private(set) var exif: UnsafeRawBufferPointer?

    /// - Parameter scanLimit: the walk ends once it has seen more scans than this.
    init(_ bytes: UnsafeRawBufferPointer, scanLimit: Int) {
        var at = 2  // after the start marker
        while let marker = Self.nextMarker(bytes, &at) {
            switch marker {
            case 0xD9:  // end of image
                return
            case 0x01, 0xD0...0xD8:  // no length follows (B.1.1.3)
                continue
            case 0xDA:
                scans += 1
                if scans > scanLimit { return }
            case 0xE1 where exif == nil && scans == 0:
                let segment = Self.content(bytes, at)
                if segment.starts(with: Array("Exif\0\0".utf8)) { exif = segment }
            case 0xC0...0xCF where ![0xC4, 0xC8, 0xCC].contains(marker):
                if unsupported == nil, at + 8 <= bytes.count {
                    unsupported = Self.reason(marker: marker, precision: bytes[at + 2], components: bytes[at + 7])
                }
            default: break
            }
            guard at + 2 <= bytes.count else { return }
            at += max(2, Int(bytes[at]) << 8 | Int(bytes[at + 1]))
        }
    }

    /// Moves `at` behind the next marker, over whatever lies before it (entropy-coded data, after a start of scan); nil at the end.
    private static func nextMarker(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> UInt8? {
        guard let base = bytes.baseAddress else { return nil }
        while at + 1 < bytes.count, let found = memchr(base + at, 0xFF, bytes.count - 1 - at) {
            at = UnsafeRawPointer(found) - base + 1
            let code = bytes[at]
            if code != 0, code != 0xFF {
                at += 1
                return code
            }
        }
        return nil
    }

    /// What follows a segment's length, as far as it is there.
    private static func content(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UnsafeRawBufferPointer {
        guard at + 2 <= bytes.count else { return UnsafeRawBufferPointer(rebasing: bytes[bytes.count...]) }
        let end = min(bytes.count, at + (Int(bytes[at]) << 8 | Int(bytes[at + 1])))
        return UnsafeRawBufferPointer(rebasing: bytes[at + 2..<max(at + 2, end)])
    }

    private static func reason(marker: UInt8, precision: UInt8, components: UInt8) -> String? {
        switch marker {
        case 0xC3, 0xC5...0xC7, 0xCB, 0xCD...0xCF: "a lossless or hierarchical JPEG"
        case _ where precision != 8: "a JPEG of \(precision) bits a sample"
        case _ where ![1, 3, 4].contains(components): "a JPEG of \(components) components"
        default: nil
        }
    }
}
