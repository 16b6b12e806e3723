/// The first directory of a TIFF file (TIFF 6.0, section 2), which is what EXIF data is. Every read is within the bytes, or nil.
///
/// A library would parse the makers' notes of all cameras as well, which come from anywhere; a classifier needs one entry. What is taken of
/// odd files is what Pillow takes, as the crop must be the one that it makes.
struct TIFFDirectory {
    private let bytes: UnsafeRawBufferPointer
    private let isLittleEndian: Bool

    /// Nil if it does not begin as a TIFF file; the mark in the wrong byte order, which some cameras write, is let pass.
    init?(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        guard bytes.count >= 8 else { return nil }
        switch (bytes[0], bytes[1], bytes[2], bytes[3]) {
        case (0x49, 0x49, 0x2A, 0), (0x49, 0x49, 0, 0x2A): isLittleEndian = true
        case (0x4D, 0x4D, 0x2A, 0), (0x4D, 0x4D, 0, 0x2A): isLittleEndian = false
        default: return nil
        }
    }

    /// The first value of an entry that holds whole numbers: nil where there is no entry, 0 where it holds something else.
    func number(ofTag tag: Int) -> Int? {
        guard let directory = unsigned(at: 4, bytes: 4), let entries = unsigned(at: directory, bytes: 2) else { return nil }
        var outside = 0
        for index in 0..<entries {
            // Tag, type, count, value: 2, 2, 4 and 4 bytes.
            let entry = directory + 2 + 12 * index
            guard let found = unsigned(at: entry, bytes: 2), let type = unsigned(at: entry + 2, bytes: 2),
                let count = unsigned(at: entry + 4, bytes: 4), let offset = unsigned(at: entry + 8, bytes: 4)
            else { return nil }
            guard let size = Self.sizes[type], count > 0 else { continue }
            var value = entry + 8
            if count * size > 4 {
                // Values that together are larger than the file are passed over; at one that lies behind its end the reading stops.
                outside += count * size
                if outside > bytes.count { continue }
                guard offset + count * size <= bytes.count else { return nil }
                value = offset
            }
            guard found == tag else { continue }
            return wholeNumber(ofType: type, at: value) ?? 0
        }
        return nil
    }

    /// Bytes a value, by the type's number; 13 is a directory's offset, and 16 a number of 8 bytes.
    private static let sizes = [1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8]

    private func wholeNumber(ofType type: Int, at offset: Int) -> Int? {
        switch type {
        case 6: return unsigned(at: offset, bytes: 1)
        case 3, 8: return unsigned(at: offset, bytes: 2)
        case 4, 9, 13: return unsigned(at: offset, bytes: 4)
        case 16: return unsigned(at: offset, bytes: 8)
        case 11: return unsigned(at: offset, bytes: 4).flatMap { Int(exactly: Float(bitPattern: UInt32(truncatingIfNeeded: $0))) }
        case 12: return unsigned(at: offset, bytes: 8).flatMap { Int(exactly: Double(bitPattern: UInt64(bitPattern: Int64($0)))) }
        case 5, 10:
            guard let numerator = unsigned(at: offset, bytes: 4), let denominator = unsigned(at: offset + 4, bytes: 4), denominator > 0
            else { return nil }
            return numerator.isMultiple(of: denominator) ? numerator / denominator : nil
        default: return nil
        }
    }

    private func unsigned(at offset: Int, bytes count: Int) -> Int? {
        guard offset <= bytes.count - count else { return nil }
        let digits = bytes[offset..<offset + count]
        func value(_ digits: some Sequence<UInt8>) -> Int { digits.reduce(0) { $0 << 8 | Int($1) } }
        return isLittleEndian ? value(digits.reversed()) : value(digits)
    }
}
