import Foundation
import Testing

@testable import Imaging

@Suite("Images that are made to be slow")
struct SlowImageTests {
    private let small = preprocessing(32, 32)

    @Test("image data that go on behind the last row are refused", arguments: ["endless.png", "endless_interlaced.png"])
    func endless(file: String) throws {
        let data = try TestData.fixture(file)
        #expect(refusal(data) == .corrupt("too much image data"))
        // However they are divided into chunks.
        let header = try #require(data.firstRange(of: Data("IDAT".utf8))).lowerBound
        let pixels = data[header + 4..<data.count - 16]
        for size in [100, 1000, 5000] {
            var divided = data.prefix(header - 4)
            for start in stride(from: pixels.startIndex, to: pixels.endIndex, by: size) {
                divided += chunk("IDAT", pixels[start..<min(start + size, pixels.endIndex)])
            }
            #expect(refusal(divided + data.suffix(12)) == .corrupt("too much image data"))
        }
    }

    @Test("scans over more samples than the limit are refused before the first is decoded")
    func scans() throws {
        let data = emptyScans(width: 64, height: 48, scans: 30)
        #expect(refusal(data, ImageDecoder(limits: ImageLimits(scannedSamples: 30 * 64 * 48))) == nil)
        #expect(throws: ImageError.self) {
            try ImageDecoder(limits: ImageLimits(scannedSamples: 30 * 64 * 48 - 1)).inspect(data)
        }
        // 2 KB, and 20 billion samples.
        guard case .tooLarge(65_496, 1520, let limit) = refusal(emptyScans(width: 65_496, height: 1520, scans: 200)) else {
            Issue.record("it was not refused")
            return
        }
        #expect(limit == "2500 million samples over all scans, of which its 200 scans have 19910")
    }

    @Test(
        "decoding ends when its time is over, in every library",
        arguments: ["slow.jpg", "baseline.jpg", "flat.png", "endless.png", "lossy.webp"])
    func time(file: String) throws {
        let data = try slow(file)
        let decoder = ImageDecoder(limits: ImageLimits(time: .microseconds(1)))
        #expect(throws: ImageError.tooSlow(limit: .microseconds(1))) { try decoder.crop(data, for: small) }
    }

    @Test("decoding ends when nobody waits any more, in every library", arguments: ["slow.jpg", "baseline.jpg", "flat.png", "lossy.webp"])
    func abandoned(file: String) throws {
        let data = try slow(file)
        var questions = 0
        #expect(throws: ImageError.tooSlow(limit: .seconds(10))) {
            try ImageDecoder().crop(data, for: small) {
                questions += 1
                return true
            }
        }
        #expect(questions == 1)
        // Somebody waits: it is asked for, and the work goes on.
        questions = 0
        _ = try ImageDecoder(limits: ImageLimits(time: .seconds(60))).crop(data, for: small) {
            questions += 1
            return false
        }
        #expect(questions > 0)
    }

    /// Files that take longer to decode than the hundredth of a second after which it is asked for the first time whether anybody waits; of
    /// a WebP it is asked at every part.
    private func slow(_ file: String) throws -> Data {
        switch file {
        case "slow.jpg": emptyScans(width: 4096, height: 4096, scans: 40)
        case "baseline.jpg": emptyScans(width: 8192, height: 4096, scans: 1, isProgressive: false)
        default: try TestData.fixture(file)
        }
    }

    private func chunk(_ name: String, _ content: Data) -> Data {
        func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        let named = Data(name.utf8) + content
        return Data(number(content.count)) + named + Data(number(Int(crc32([UInt8](named)))))
    }
}

/// A JPEG of arithmetic coding whose scans hold no data: a few bytes for a pass over the whole image.
func emptyScans(width: Int, height: Int, scans: Int, isProgressive: Bool = true) -> Data {
    func segment(_ marker: UInt8, _ content: [UInt8]) -> Data { Data([0xFF, marker, 0, UInt8(content.count + 2)] + content) }
    func number(_ value: Int) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }
    let table = segment(0xDB, [0] + [UInt8](repeating: 1, count: 64))
    let frame = segment(isProgressive ? 0xCA : 0xC9, [8] + number(height) + number(width) + [1, 1, 0x11, 0])
    var file = Data([0xFF, 0xD8]) + table + frame + segment(0xDA, [1, 1, 0, 0, isProgressive ? 0 : 63, 0])
    for scan in 1..<max(1, scans) {
        let coefficient = UInt8(1 + (scan - 1) % 63)
        file += segment(0xDA, [1, 1, 0, coefficient, coefficient, 0])
    }
    return file + Data([0xFF, 0xD9])
}
