#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a JPEG's markers say that libjpeg does not, or only once it has worked: how much there is to decode, which coding is used, how the
/// image is turned.
///
/// It only ever refuses; whether a file is sound is for the library to say. Section numbers are those of ITU-T T.81.
struct JPEGMarkers {
    /// Start-of-scan markers (B.2.3), counted up to one more than asked for.
    private(set) var scans = 0
    /// Samples that decoding goes through: of each scan, all those of its components.
    private(set) var scannedSamples = 0
    /// Whether the coding is arithmetic, and not Huffman's.
    private(set) var isArithmetic = false
    /// Why the file's coding is not served, for the first frame header (B.2.2); nil where it is.
    private(set) var unsupported: ImageError?
    /// The EXIF data: those of all APP1 segments of that name, as Pillow puts them together. A segment is too short for some.
    private(set) var exif: [UInt8] = []
    /// The XMP packet: the last one.
    private(set) var xmp: UnsafeRawBufferPointer?

    /// Samples by component's identifier, of the first frame.
    private var components: [UInt8: Int] = [:]

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
                readScan(Self.content(bytes, at))
            case 0xE1 where scans == 0: readMetadata(Self.content(bytes, at))
            case 0xC0...0xCF where ![0xC4, 0xC8, 0xCC].contains(marker), 0xF7:
                if components.isEmpty, unsupported == nil { readFrame(marker, Self.content(bytes, at)) }
            default: break
            }
            guard at + 2 <= bytes.count else { return }
            at += max(2, Int(bytes[at]) << 8 | Int(bytes[at + 1]))
        }
    }

    private mutating func readMetadata(_ segment: UnsafeRawBufferPointer) {
        let xmpName = Array("http://ns.adobe.com/xap/1.0/\0".utf8)
        if segment.starts(with: Orientation.exifName) {
            exif += exif.isEmpty ? segment[...] : segment.dropFirst(Orientation.exifName.count)
        } else if segment.starts(with: xmpName) {
            xmp = UnsafeRawBufferPointer(rebasing: segment.dropFirst(xmpName.count))
        }
    }

    /// Precision, height, width, components; of each its identifier, sampling factors and table.
    private mutating func readFrame(_ marker: UInt8, _ segment: UnsafeRawBufferPointer) {
        guard segment.count >= 6, segment.count >= 6 + 3 * Int(segment[5]) else { return }
        let height = Int(segment[1]) << 8 | Int(segment[2])
        let width = Int(segment[3]) << 8 | Int(segment[4])
        unsupported = Self.refusal(marker: marker, precision: segment[0], height: height, components: segment[5])
        isArithmetic = marker >= 0xC8
        let factors = (0..<Int(segment[5])).map { segment[7 + 3 * $0] }
        let (widest, tallest) = (factors.map { $0 >> 4 }.max() ?? 1, factors.map { $0 & 15 }.max() ?? 1)
        guard widest > 0, tallest > 0 else { return }
        for (index, factor) in factors.enumerated() {
            // In whole blocks of 8 x 8 (A.1.1, A.2.4).
            let columns = (width * Int(factor >> 4) + 8 * Int(widest) - 1) / (8 * Int(widest))
            let rows = (height * Int(factor & 15) + 8 * Int(tallest) - 1) / (8 * Int(tallest))
            // Two may have one identifier: the larger counts.
            components[segment[6 + 3 * index], default: 0] = max(64 * columns * rows, components[segment[6 + 3 * index], default: 0])
        }
    }

    /// The number of components, and of each its identifier and tables.
    private mutating func readScan(_ segment: UnsafeRawBufferPointer) {
        guard let count = segment.first, segment.count >= 1 + 2 * Int(count) else { return }
        for index in 0..<Int(count) { scannedSamples += components[segment[1 + 2 * index], default: 0] }
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

    private static func refusal(marker: UInt8, precision: UInt8, height: Int, components: UInt8) -> ImageError? {
        let again = "save it as an ordinary JPEG of 8 bits a sample, or as PNG"
        switch marker {
        case 0xC3, 0xCB: return .unsupportedFormat("a lossless JPEG", advice: again)
        case 0xC5...0xC7, 0xCD...0xCF: return .unsupportedFormat("a hierarchical JPEG", advice: again)
        case 0xF7: return .unsupportedFormat("a JPEG-LS image", advice: again)
        case _ where precision != 8: return .unsupportedFormat("a JPEG of \(precision) bits a sample", advice: again)
        case _ where ![1, 3, 4].contains(components): return .unsupportedFormat("a JPEG of \(components) components", advice: again)
        case _ where height == 0: return .unsupportedFormat("a JPEG that gives its height only behind its pixels (DNL)", advice: again)
        default: return nil
        }
    }
}
