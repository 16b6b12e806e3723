import Foundation
import Testing

@testable import Imaging

@Suite("What decoding will take")
struct DecodeCostTests {
    @Test("what a file says of itself is known before it is decoded")
    func description() throws {
        for row in try TestData.table("decoded.csv") {
            let data = try TestData.fixture(row[0])
            var decoded = try ImageDecoder().decode(data).description
            decoded.warnings = []
            #expect(try ImageDecoder().inspect(data).description == decoded, "\(row[0])")
        }
    }

    @Test("what the header alone is refused for is refused alike", arguments: ["animation.png", "animation.webp", "rgb.jpg", "rgb8.png"])
    func refusals(file: String) throws {
        let data = try TestData.fixture(file)
        let decoder = ImageDecoder(limits: ImageLimits(pixels: 1000))
        let expected = try #require(refusal(data, decoder))
        #expect(throws: expected) { try decoder.inspect(data) }
    }

    @Test("more pixels, more scans and more bytes cost more", arguments: 0..<20)
    func order(seed: Int) throws {
        var random = SystemRandomNumberGenerator()
        let (width, height) = (Int.random(in: 100...3000, using: &random), Int.random(in: 100...3000, using: &random))
        let scans = Int.random(in: 2...40, using: &random)
        func cost(_ width: Int, _ height: Int, _ scans: Int, behind: Int = 0) throws -> DecodeCost {
            try ImageDecoder().inspect(emptyScans(width: width, height: height, scans: scans) + Data(count: behind)).cost
        }
        let some = try cost(width, height, scans)
        #expect(try cost(width, height, scans + 1).duration > some.duration, "\(width) x \(height), \(scans) scans")
        #expect(try cost(width, 2 * height, scans).duration > some.duration, "\(width) x \(height), \(scans) scans")
        #expect(try cost(width, height, scans, behind: 1000).duration > some.duration, "\(width) x \(height), \(scans) scans")
        // 2 bytes a sample are held for all of the scans.
        #expect(some.memory >= 2 * width * height)
        #expect(try cost(width, height, scans + 1).memory == some.memory)
    }

    @Test("what comes row by row costs memory by its width alone")
    func memory() throws {
        func memory(_ width: Int, _ height: Int) throws -> Int {
            try ImageDecoder().inspect(emptyScans(width: width, height: height, scans: 1, isProgressive: false)).cost.memory
        }
        #expect(try memory(500, 500) == memory(500, 50_000))
        #expect(try memory(500, 500) < memory(50_000, 500))
        #expect(try memory(4000, 25_000) < 2 << 20)
    }

    @Test("an interlaced PNG and a WebP hold their pixels")
    func held() throws {
        for (plain, heavy, bytes) in [("rgb8.png", "rgb8_interlaced.png", 3 * 47 * 31 / 2), ("rgb8.png", "lossless.webp", 7 * 47 * 31)] {
            let difference =
                try ImageDecoder().inspect(TestData.fixture(heavy)).cost.memory
                - ImageDecoder().inspect(TestData.fixture(plain)).cost.memory
            #expect(difference >= bytes && difference < 2 * bytes)
        }
    }
}
