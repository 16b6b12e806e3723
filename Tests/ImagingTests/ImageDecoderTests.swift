import Foundation
import Imaging
import Testing

@Suite("Decoding")
struct ImageDecoderTests {
    @Test("every kind of JPEG decodes to Pillow's bits")
    func everyKind() throws {
        let rows = try TestData.table("decoded.csv")
        #expect(rows.count == 18)
        for row in rows {
            let decoded = try ImageDecoder().decode(TestData.fixture(row[0]))
            #expect(decoded.description.format == .jpeg)
            #expect(decoded.description.orientation == 1)
            #expect(decoded.description.colorMode == row[1], "\(row)")
            #expect("\(decoded.description.width) x \(decoded.description.height)" == "\(row[2]) x \(row[3])", "\(row)")
            #expect(decoded.image.width == decoded.description.width && decoded.image.height == decoded.description.height)
            #expect(crc32(decoded.image.pixels) == UInt32(row[4], radix: 16), "\(row)")
        }
    }

    @Test("what is no JPEG is named")
    func otherFormats() {
        #expect(refusal(Data()) == .empty)
        #expect(refusal(Data("this is no image\n".utf8)) == .unsupportedFormat("text"))
        #expect(refusal(Data([0x89] + Array("PNG\r\n\u{1A}\n".utf8))) == .unsupportedFormat("a PNG image"))
        #expect(refusal(Data("GIF89a".utf8)) == .unsupportedFormat("a GIF image"))
        #expect(refusal(Data("RIFF\0\0\0\0WEBPVP8 ".utf8)) == .unsupportedFormat("a WebP image"))
        #expect(refusal(Data([0xFF, 0x0A, 0x00])) == .unsupportedFormat("a JPEG XL image"))
        #expect(refusal(Data([0])) == .unsupportedFormat("no known image format"))
    }

    @Test(
        "a JPEG cut off anywhere is refused or, where only its end marker is missing, whole",
        arguments: ["yuv420.jpg", "progressive.jpg", "cmyk.jpg", "restart.jpg"])
    func truncated(file: String) throws {
        let data = try TestData.fixture(file)
        let whole = try ImageDecoder().decode(data).image
        for length in Array(stride(from: 2, to: data.count, by: 97)) + (data.count - 40..<data.count) {
            do throws(ImageError) {
                let decoded = try ImageDecoder().decode(data.prefix(length))
                #expect(decoded.image == whole, "\(length) of \(data.count) bytes")
            } catch {
                guard case .corrupt = error else {
                    Issue.record("\(length) bytes: \(error)")
                    continue
                }
            }
        }
    }

    @Test(
        "a JPEG with damaged bytes is refused or decoded, and never ends the process",
        arguments: ["yuv420.jpg", "progressive.jpg", "gray.jpg", "ycck.jpg"])
    func damaged(file: String) throws {
        let data = try TestData.fixture(file)
        // Small limits: a damaged header may claim any size.
        let decoder = ImageDecoder(limits: ImageLimits(pixels: 1_000_000))
        var refused = 0
        for at in stride(from: 2, to: data.count, by: 41) {
            for value: UInt8 in [0x00, 0xFF, ~data[at]] {
                var damaged = data
                damaged[at] = value
                if refusal(damaged, decoder) != nil { refused += 1 }
            }
        }
        #expect(refused > 0)
    }

    @Test("limits hold for what the header says, before any memory is taken")
    func limits() throws {
        let data = try TestData.fixture("yuv420.jpg")
        #expect(refusal(data, ImageDecoder(limits: ImageLimits(pixels: 191 * 127))) == nil)
        for (limits, limit) in [
            (ImageLimits(pixels: 191 * 127 - 1), "24256 pixels"), (ImageLimits(dimension: 190), "190 pixels an edge"),
        ] {
            #expect(refusal(data, ImageDecoder(limits: limits)) == .tooLarge(width: 191, height: 127, limit: limit))
        }
        let huge = try frame(data, width: 65_500, height: 65_500)
        #expect(refusal(huge) == .tooLarge(width: 65_500, height: 65_500, limit: "100 megapixels"))
        // Within the limits by its claim, but with nothing behind it.
        guard case .corrupt = refusal(try frame(data, width: 10_000, height: 10_000)) else {
            Issue.record("a header that claims too much was believed")
            return
        }
    }

    @Test("each scan is counted, and too many are refused")
    func scans() throws {
        let data = try TestData.fixture("progressive.jpg")
        let scan = try #require(data.lastRange(of: Data([0xFF, 0xDA])))
        let repeated = (0..<200).map { _ in data[scan.lowerBound..<data.endIndex - 2] }.joined()
        let bomb = data.dropLast(2) + Data(repeated) + data.suffix(2)
        #expect(refusal(bomb) == .corrupt("more than 200 scans"))
        #expect(refusal(data, ImageDecoder(limits: ImageLimits(scans: 9))) == .corrupt("more than 9 scans"))
        #expect(refusal(data, ImageDecoder(limits: ImageLimits(scans: 10))) == nil)
    }

    @Test("kinds of JPEG that are not served are called unsupported, not corrupt")
    func unsupportedKinds() throws {
        let data = try TestData.fixture("yuv420.jpg")
        let header = try #require(data.firstRange(of: Data([0xFF, 0xC0])))
        var lossless = data
        lossless[header.lowerBound + 1] = 0xC3
        #expect(refusal(lossless) == .unsupportedFormat("a lossless or hierarchical JPEG"))
        var deep = data
        deep[header.lowerBound + 4] = 12
        #expect(refusal(deep) == .unsupportedFormat("a JPEG of 12 bits a sample"))
    }

    @Test("one decoder serves many threads at the same time")
    func concurrency() async throws {
        let decoder = ImageDecoder()
        let rows = try TestData.table("decoded.csv")
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for task in 0..<8 {
                group.addTask {
                    try (0..<20).allSatisfy { turn in
                        let row = rows[(task + turn) % rows.count]
                        // Its neighbour is broken half way: nothing of it may leak into this image.
                        let data = try TestData.fixture(row[0])
                        _ = refusal(data.prefix(data.count / 2), decoder)
                        return try crc32(decoder.decode(data).image.pixels) == UInt32(row[4], radix: 16)
                    }
                }
            }
            for try await same in group { #expect(same) }
        }
    }

    @Test("each error says what was wrong and what to do")
    func descriptions() {
        #expect(ImageError.empty.description.contains("0 bytes"))
        #expect(ImageError.unsupportedFormat("a PNG image").description.contains("a PNG image, which is not served; send a JPEG"))
        #expect(ImageError.corrupt("Premature end of JPEG file").description.contains("Premature end of JPEG file"))
        #expect(ImageError.tooLarge(width: 7, height: 8, limit: "3 pixels").description.contains("7 x 8 pixels, and the limit is 3 pixels"))
    }

    /// Writes another size into the frame header.
    private func frame(_ data: Data, width: Int, height: Int) throws -> Data {
        let header = try #require(data.firstRange(of: Data([0xFF, 0xC0])))
        let size = [height, width].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        var data = data
        data.replaceSubrange(header.lowerBound + 5..<header.lowerBound + 9, with: size)
        return data
    }
}
