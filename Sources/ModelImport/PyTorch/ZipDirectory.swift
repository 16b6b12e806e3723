import SENet

/// The members of a zip file that are stored as they are, which is how PyTorch writes its files: where each lies.
///
/// Nothing is ever unpacked: a compressed member is refused, so that no small file can become a large one.
/// Source: PKWARE's APPNOTE, sections 4.3 and 4.5.3 (zip64).
struct ZipDirectory: Sendable {
    /// Ranges of the file, by the member's name.
    private(set) var members: [String: Range<Int>] = [:]

    /// What a zip file begins with.
    static let signature: [UInt8] = Array("PK\u{3}\u{4}".utf8)
    /// Far more than any network has tensors.
    private static let memberLimit: UInt64 = 1_000_000

    /// - Throws: `ModelError.weights` if it is damaged, cut off, or has compressed members.
    init(_ file: InputFile) throws(ModelError) {
        var (count, start) = try Self.directory(file)
        var reader = ByteReader(file)
        _ = try reader.take(start)
        while count > 0 {
            count -= 1
            guard try reader.number(UInt32.self) == 0x0201_4b50 else { throw reader.damaged("the zip directory is damaged") }
            _ = try reader.take(6)
            let method = try reader.number(UInt16.self)
            _ = try reader.take(8)
            var packed = UInt64(try reader.number(UInt32.self))
            var size = UInt64(try reader.number(UInt32.self))
            let (nameCount, extraCount) = (try reader.number(UInt16.self), try reader.number(UInt16.self))
            let commentCount = try reader.number(UInt16.self)
            _ = try reader.take(8)
            var header = UInt64(try reader.number(UInt32.self))
            let name = try reader.text(UInt64(nameCount))
            var extra = ByteReader(file, range: try reader.take(UInt64(extraCount)))
            _ = try reader.take(UInt64(commentCount))
            // Numbers that do not fit into 32 bits stand in an extra field, in this order.
            while extra.remaining >= 4 {
                let (kind, length) = (try extra.number(UInt16.self), try extra.number(UInt16.self))
                var field = ByteReader(file, range: try extra.take(UInt64(length)))
                guard kind == 1 else { continue }
                if size == 0xffff_ffff { size = try field.number(UInt64.self) }
                if packed == 0xffff_ffff { packed = try field.number(UInt64.self) }
                if header == 0xffff_ffff { header = try field.number(UInt64.self) }
            }
            guard method == 0 else {
                throw reader.damaged(
                    "the member '\(name)' is compressed (\(packed) bytes to become \(size)); PyTorch stores its members as they are: refused"
                )
            }
            guard packed == size else { throw reader.damaged("the member '\(name)' is stored, but has two sizes, \(packed) and \(size)") }
            var local = ByteReader(file)
            _ = try local.take(header)
            guard try local.number(UInt32.self) == 0x0403_4b50 else {
                throw local.damaged("the member '\(name)' is not where it should be")
            }
            _ = try local.take(22)
            let skipped = (try local.number(UInt16.self), try local.number(UInt16.self))
            _ = try local.take(UInt64(skipped.0) + UInt64(skipped.1))
            guard members.updateValue(try local.take(size), forKey: name) == nil else {
                throw reader.damaged("two members are called '\(name)'")
            }
        }
    }

    /// How many members there are and where their list begins.
    private static func directory(_ file: InputFile) throws(ModelError) -> (count: UInt64, start: UInt64) {
        // The end record has 22 bytes and a comment of up to 65,535.
        let earliest = max(0, file.count - 22 - 65_535)
        let tail = try file.bytes(earliest..<file.count)
        let found = stride(from: tail.count - 22, through: 0, by: -1).first { tail[$0...].starts(with: [0x50, 0x4b, 5, 6]) }
        guard let found = found.map({ earliest + $0 }) else {
            throw .weights("\(file.path): cut off: a zip file without its directory, which is at the end")
        }
        var end = ByteReader(file, range: found + 10..<file.count)
        var count = UInt64(try end.number(UInt16.self))
        _ = try end.take(4)
        var start = UInt64(try end.number(UInt32.self))
        if count == 0xffff || start == 0xffff_ffff, found >= 20 {
            var locator = ByteReader(file, range: found - 20..<found)
            if try locator.number(UInt32.self) == 0x0706_4b50 {
                _ = try locator.take(4)
                var record = ByteReader(file)
                _ = try record.take(try locator.number(UInt64.self))
                guard try record.number(UInt32.self) == 0x0606_4b50 else { throw record.damaged("the zip directory is damaged") }
                _ = try record.take(28)
                count = try record.number(UInt64.self)
                _ = try record.take(8)
                start = try record.number(UInt64.self)
            }
        }
        guard count <= memberLimit else { throw .weights("\(file.path): \(count) members, more than any checkpoint has") }
        return (count, start)
    }
}
