import Foundation
import Testing

@testable import Imaging

@Suite("What is not served is named, with what to do")
struct UnsupportedImageTests {
    private func named(_ data: Data) -> (name: String, advice: String?)? {
        guard case .unsupportedFormat(let name, let advice) = refusal(data) else { return nil }
        return (name, advice)
    }

    /// The first box of a file: its brand, and those that it is compatible with.
    private func file(_ brand: String, _ others: String...) -> Data {
        let brands = ([brand, "\0\0\0\0"] + others).joined()
        return Data([0, 0, 0, UInt8(8 + brands.utf8.count)]) + Data("ftyp".utf8) + Data(brands.utf8) + Data([0, 0, 0, 8])
            + Data("mdat".utf8)
    }

    @Test("HEIC, by each of its brands", arguments: ["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"])
    func heic(brand: String) throws {
        for file in [file(brand), file(brand, "mif1", "heic"), file("mif1", "miaf", brand), file("msf1", brand)] {
            let (name, advice) = try #require(named(file))
            #expect(name.contains("HEIC"))
            #expect(advice?.contains("JPEG") == true)
        }
    }

    @Test("other files of the same container")
    func baseMedia() {
        for brands in [file("avif"), file("avis", "avif"), file("mif1", "avif", "miaf")] { #expect(named(brands)?.name == "an AVIF image") }
        #expect(named(file("mif1"))?.name == "a HEIF image")
        for brands in [file("isom", "mp42"), file("qt  "), file("mp42")] { #expect(named(brands)?.name == "an MP4 or QuickTime file") }
        #expect(named(file("crx ", "isom"))?.name == "a raw photograph (Canon CR3)")
        // Cut off anywhere, it is still no image.
        for length in 12..<24 { #expect(named(file("heic", "mif1").prefix(length)) != nil) }
    }

    @Test(
        "kinds of JPEG",
        arguments: [
            ("a lossless JPEG", 1, 0xC3), ("a lossless JPEG", 1, 0xCB), ("a hierarchical JPEG", 1, 0xC5), ("a hierarchical JPEG", 1, 0xCF),
            ("a JPEG-LS image", 1, 0xF7), ("a JPEG of 12 bits a sample", 4, 12), ("a JPEG of 2 components", 9, 2),
        ] as [(String, Int, UInt8)])
    func jpegs(expected: String, offset: Int, byte: UInt8) throws {
        var data = try TestData.fixture("yuv420.jpg")
        data[try #require(data.firstRange(of: Data([0xFF, 0xC0]))).lowerBound + offset] = byte
        let (name, advice) = try #require(named(data))
        #expect(name == expected)
        #expect(advice?.contains("8 bits") == true)
    }

    @Test("a JPEG that gives its height behind its pixels")
    func definedLines() throws {
        var data = try TestData.fixture("yuv420.jpg")
        let frame = try #require(data.firstRange(of: Data([0xFF, 0xC0]))).lowerBound
        let height = data[frame + 5..<frame + 7]
        data.replaceSubrange(frame + 5..<frame + 7, with: [0, 0])
        let lines = data.dropLast(2) + Data([0xFF, 0xDC, 0, 4]) + height + data.suffix(2)
        for data in [data, lines] { #expect(named(data)?.name.contains("DNL") == true) }
    }

    @Test("Apple's own form of PNG")
    func cgbi() throws {
        let png = try TestData.fixture("rgb8.png")
        let data =
            png.prefix(8) + Data([0, 0, 0, 4]) + Data("CgBI".utf8) + Data([0x50, 0, 0x20, 2, 0x2B, 0xD5, 0xB3, 0x7F]) + png.dropFirst(8)
        let (name, advice) = try #require(named(data))
        #expect(name.contains("CgBI"))
        #expect(advice?.contains("pngcrush") == true)
    }

    @Test("animations, but not those of one picture")
    func animations() throws {
        #expect(named(try TestData.fixture("animation.webp"))?.name == "an animated WebP image")
        #expect(named(try TestData.fixture("animation.png"))?.name == "an animated PNG image")
        #expect(refusal(try TestData.fixture("odd_one_frame.webp")) == nil)
        // A number of pictures that is none: the still image is shown, as Pillow does. The check sum is what libpng looks at.
        var data = try TestData.fixture("animation.png")
        let chunk = try #require(data.firstRange(of: Data("acTL".utf8))).lowerBound
        for count: UInt32 in [0, 1, .max] {
            data.replaceSubrange(chunk + 4..<chunk + 8, with: (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * $0)) })
            let sum = crc32([UInt8](data[chunk..<chunk + 12]))
            data.replaceSubrange(chunk + 12..<chunk + 16, with: (0..<4).map { UInt8(truncatingIfNeeded: sum >> (24 - 8 * $0)) })
            #expect(refusal(data) == nil, "\(count) pictures")
        }
    }
}
