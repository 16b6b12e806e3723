import Foundation
import Imaging
import Testing

@Suite("Decoding")
struct ImageDecoderTests {
    @Test("every kind of image decodes to Pillow's bits")
    func everyKind() throws {
        let rows = try TestData.table("decoded.csv")
        #expect(rows.count > 110)
        for row in rows {
            let decoded = try ImageDecoder().decode(TestData.fixture(row[0]))
            #expect(row[0].hasSuffix(decoded.description.format == .jpeg ? "jpg" : decoded.description.format.rawValue), "\(row)")
            #expect(decoded.description.colorMode.rawValue == row[1], "\(row)")
            #expect("\(decoded.description.width) x \(decoded.description.height)" == "\(row[2]) x \(row[3])", "\(row)")
            #expect(decoded.description.orientation.rawValue == Int(row[4]), "\(row)")
            #expect(decoded.image.width == decoded.description.width && decoded.image.height == decoded.description.height)
            #expect(crc32(decoded.image.pixels) == UInt32(row[5], radix: 16), "\(row)")
        }
    }

    @Test("what is passed over because the pixels are whole without it is reported, and nothing else")
    func warnings() throws {
        let expected = [
            "trailing_bytes.jpg": ["30 bytes behind the image's end were passed over"],
            "trailing_bytes.png": ["5 bytes behind the image's end were passed over"],
            "trailing_bytes.webp": ["13 bytes behind the image's end were passed over"],
            "no_end_chunk.png": ["all rows are there, but the file ends before its end chunk"],
            "jfif_9.jpg": ["Warning: unknown JFIF revision number 9.01"],
            "odd_scan_parameters.jpg": ["Invalid SOS parameters for sequential JPEG"],
            "odd_largest_chunk.png": ["all rows are there, but the file ends before its end chunk"],
        ]
        for row in try TestData.table("decoded.csv") {
            let decoded = try ImageDecoder().crop(TestData.fixture(row[0]), for: preprocessing(32, 32))
            let isStray = row[0].hasPrefix("odd_stray_")
            let warnings = isStray ? ["stray bytes before a marker were passed over"] : expected[row[0], default: []]
            #expect(decoded.description.warnings == warnings, "\(row[0])")
        }
    }

    @Test("what is no image that is served is named")
    func otherFormats() throws {
        #expect(refusal(Data()) == .empty)
        #expect(refusal(Data("this is no image\n".utf8)) == .unsupportedFormat("text"))
        #expect(refusal(Data("GIF89a".utf8)) == .unsupportedFormat("a GIF image"))
        #expect(refusal(Data([0xFF, 0x0A, 0x00])) == .unsupportedFormat("a JPEG XL image"))
        #expect(refusal(Data([0])) == .unsupportedFormat("no known image format"))
        #expect(refusal(try TestData.fixture("animation.webp")) == .unsupportedFormat("an animated WebP image"))
        #expect(refusal(try TestData.fixture("animation.png")) == .unsupportedFormat("an animated PNG image"))
    }

    @Test(
        "an image cut off anywhere is refused or, where only a PNG's end chunk is missing, whole",
        arguments: [
            "yuv420.jpg", "progressive.jpg", "cmyk.jpg", "restart.jpg", "rgb8.png", "rgba16_interlaced.png", "palette4.png", "lossy.webp",
            "lossless_alpha.webp", "exif_5.webp",
        ])
    func truncated(file: String) throws {
        let data = try TestData.fixture(file)
        let whole = try ImageDecoder().decode(data).image
        for length in Array(stride(from: 12, to: data.count, by: 97)) + (data.count - 40..<data.count) {
            do throws(ImageError) {
                let decoded = try ImageDecoder().decode(data.prefix(length))
                #expect(decoded.image == whole && decoded.description.format == .png, "\(length) of \(data.count) bytes")
            } catch {
                guard case .corrupt = error else {
                    Issue.record("\(length) bytes: \(error)")
                    continue
                }
            }
        }
    }

    @Test(
        "an image with damaged bytes is refused or decoded, and never ends the process",
        arguments: [
            "yuv420.jpg", "progressive.jpg", "gray.jpg", "ycck.jpg", "exif_7.jpg", "rgb8.png", "rgba16_interlaced.png", "palette8.png",
            "lossy_alpha.webp", "lossless.webp", "exif_5.webp",
        ])
    func damaged(file: String) throws {
        let data = try TestData.fixture(file)
        // Small limits: a damaged header may claim any size.
        let decoder = ImageDecoder(limits: ImageLimits(pixels: 1_000_000))
        var refused = 0
        for at in stride(from: 2, to: data.count, by: data.count > 4000 ? 41 : 7) {
            for value: UInt8 in [0x00, 0xFF, ~data[at]] {
                var damaged = data
                damaged[at] = value
                if refusal(damaged, decoder) != nil { refused += 1 }
                _ = try? decoder.crop(damaged, for: preprocessing(32, 32))
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

    @Test("a PNG's and a WebP's size is checked before any memory is taken")
    func otherLimits() throws {
        let decoder = ImageDecoder(limits: ImageLimits(pixels: 47 * 31 - 1))
        for name in ["rgb8.png", "lossless.webp"] {
            #expect(refusal(try TestData.fixture(name), decoder) == .tooLarge(width: 47, height: 31, limit: "1456 pixels"))
        }
        var png = try TestData.fixture("rgb8.png")
        png.replaceSubrange(16..<24, with: [0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30])
        #expect(refusal(png) == .tooLarge(width: 30_000, height: 30_000, limit: "100 megapixels"))
        png.replaceSubrange(16..<24, with: [0, 0, 0, 0, 0, 0, 0, 1])
        #expect(refusal(png) == .corrupt("it has 0 x 1 pixels"))
    }

    @Test("what must be held as a whole counts against the limit of memory; what comes row by row does not")
    func memory() throws {
        let decoder = ImageDecoder(limits: ImageLimits(memory: 1 << 12))
        for name in ["yuv420.jpg", "rgb8.png"] { #expect(refusal(try TestData.fixture(name), decoder) == nil) }
        for name in ["progressive.jpg", "lossy.webp"] {
            guard case .tooLarge(_, _, let limit) = refusal(try TestData.fixture(name), decoder) else {
                Issue.record("\(name) was accepted")
                continue
            }
            #expect(limit.contains("MiB of memory"))
        }
    }

    @Test(
        "decoding ends when its time is over, and when nobody waits",
        arguments: ["yuv420.jpg", "progressive.jpg", "rgb8.png", "rgb8_interlaced.png", "lossy.webp"])
    func time(file: String) throws {
        let data = try TestData.fixture(file)
        let short = ImageDecoder(limits: ImageLimits(time: .zero))
        #expect(throws: ImageError.tooSlow(limit: .zero)) { try short.crop(data, for: preprocessing(32, 32)) }
        let past = ContinuousClock.now - .seconds(1)
        #expect(throws: ImageError.tooSlow(limit: .seconds(10))) {
            try ImageDecoder().crop(data, for: preprocessing(32, 32), deadline: past)
        }
    }

    @Test("a check sum that fails is damage, in every chunk of a PNG", arguments: ["IHDR", "tEXt", "gAMA", "IDAT", "IEND"])
    func checkSums(chunk: String) throws {
        var data = try TestData.fixture("text_and_gamma.png")
        let name = try #require(data.firstRange(of: Data(chunk.utf8)))
        let length = data[name.lowerBound - 4..<name.lowerBound].reduce(0) { $0 << 8 | Int($1) }
        data[name.upperBound + length] ^= 1
        guard case .corrupt = refusal(data) else {
            Issue.record("a wrong check sum in \(chunk) was passed over")
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
                        return try crc32(decoder.decode(data).image.pixels) == UInt32(row[5], radix: 16)
                    }
                }
            }
            for try await same in group { #expect(same) }
        }
    }

    @Test("each error says what was wrong and what to do")
    func descriptions() {
        #expect(ImageError.empty.description.contains("0 bytes"))
        #expect(
            ImageError.unsupportedFormat("a GIF image").description.contains(
                "a GIF image, which is not served; send a JPEG, PNG or WebP file"))
        #expect(ImageError.tooSlow(limit: .seconds(10)).description.contains("at most 10.0 seconds"))
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
