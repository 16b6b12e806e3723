/// What a JPEG's markers say that libjpeg-turbo's TurboJPEG API does not: how many scans there are, and which coding is used.
///
/// It only ever refuses; whether a file is sound is for the library to say. Section numbers are those of ITU-T T.81.
struct JPEGMarkers {
    /// Start-of-scan markers (B.2.3), counted up to one more than asked for.
    private(set) var scans = 0
    /// Why the file's coding is not served, for the first frame header (B.2.2); nil where it is.
    private(set) var unsupported: String?

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
        while at + 1 < bytes.count {
            let code = bytes[at + 1]
            if bytes[at] == 0xFF, code != 0, code != 0xFF {
                at += 2
                return code
            }
            at += 1
        }
        return nil
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
