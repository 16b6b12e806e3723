import Foundation
import Testing

@testable import Imaging

@Suite("Orientation")
struct OrientationTests {
    private func read(_ block: [UInt8]) -> Int { block.withUnsafeBytes { Orientation(Orientation.number(inEXIF: $0)).rawValue } }

    /// A directory at `offset` with one entry.
    private func block(littleEndian: Bool, tag: Int = 0x0112, type: Int = 3, count: Int = 1, value: Int, offset: Int = 8) -> [UInt8] {
        func number(_ value: Int, _ bytes: Int) -> [UInt8] {
            let digits = (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
            return littleEndian ? digits : digits.reversed()
        }
        let header = (littleEndian ? Array("II*\0".utf8) : Array("MM\0*".utf8)) + number(offset, 4)
        let field = type == 3 ? number(value, 2) + [0, 0] : number(value, 4)
        return header + number(1, 2) + number(tag, 2) + number(type, 2) + number(count, 4) + field + number(0, 4)
    }

    @Test("is read in either byte order, with or without the name that a JPEG gives it", arguments: 1...8)
    func values(value: Int) {
        for littleEndian in [true, false] {
            for type in [3, 4] {
                let block = block(littleEndian: littleEndian, type: type, value: value)
                #expect(read(block) == value)
                #expect(read(Array("Exif\0\0".utf8) + block) == value)
            }
        }
    }

    @Test("is upright where the data says nothing or nonsense")
    func nonsense() {
        #expect(read([]) == 1)
        #expect(read(Array("Exif\0\0".utf8)) == 1)
        #expect(read(Array("this is no TIFF file".utf8)) == 1)
        for value in [0, 9, 255, 65_535] { #expect(read(block(littleEndian: true, value: value)) == 1) }
        #expect(read(block(littleEndian: true, tag: 0x0100, value: 6)) == 1)
        #expect(read(block(littleEndian: true, type: 2, value: 6)) == 1)
        #expect(read(block(littleEndian: true, count: 0, value: 6)) == 1)
        for offset in [0, 7, 20, 26, 1000, Int(UInt32.max)] { #expect(read(block(littleEndian: false, value: 6, offset: offset)) == 1) }
        let whole = block(littleEndian: true, value: 6)
        for length in 0..<20 { #expect(read(Array(whole.prefix(length))) == 1) }
    }

    @Test("the first entry that holds something counts")
    func entries() {
        let types = [0, 1, 2, 3, 7, 99]
        for (count, type) in types.flatMap({ type in [0, 1].map { ($0, type) } }) {
            // An entry that holds nothing, or whose type nobody knows, is as if it were not there; a text or bytes are there, and no number.
            let first = block(littleEndian: true, type: type, count: count, value: 6)
            let both = first.prefix(8) + [2, 0] + first[10..<22] + block(littleEndian: true, value: 8)[10..<22] + [0, 0, 0, 0]
            let expected = count == 0 || [0, 99].contains(type) ? 8 : type == 3 ? 6 : 1
            #expect(read(Array(both)) == expected, "type \(type), \(count) values")
        }
    }

    @Test("XMP is searched for Pillow's pattern, whatever the rest", arguments: ["=\"", ">"])
    func xmp(sign: String) {
        func number(_ packet: String) -> Int? { Array(packet.utf8).withUnsafeBytes(Orientation.number(inXMP:)) }
        #expect(number("tiff:Orientation\(sign)6") == 6)
        #expect(number("OO tiff:Orientation='3' tiff:Orientation\(sign)8\"") == 8)
        #expect(number("Orientation\(sign)6 tiff:Orientation\(sign)x tiff:Orientation\(sign)09") == 0)
        for packet in ["", "O", "tiff:Orientation", "tiff:Orientation\(sign)", "exif:Orientation\(sign)6", "tiff:orientation\(sign)6"] {
            #expect(number(packet) == nil, "\(packet)")
        }
    }
}
