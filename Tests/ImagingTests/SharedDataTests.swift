import Foundation
import Testing

@testable import Imaging

/// Against the reference data beside the package.
@Suite("Reference data", .enabled(if: TestData.hasShared, "the folder of reference data, ../shared, is not beside the package"))
struct SharedDataTests {
    struct Crop: Decodable, CustomTestStringConvertible {
        var image: String
        var inputSize: [Int]
        var cropFraction: Double
        var interpolation: Interpolation
        var crop: String

        enum CodingKeys: String, CodingKey {
            case image, interpolation, crop
            case inputSize = "input_size"
            case cropFraction = "crop_pct"
        }

        var testDescription: String { crop }

        /// Empty where there is no index.
        static let all: [Crop] = {
            guard let data = try? Data(contentsOf: TestData.shared.appending(path: "golden/preprocess/index.json")),
                let rows = try? JSONDecoder().decode([Crop].self, from: data)
            else { return [] }
            return rows
        }()
    }

    @Test("the index is there")
    func index() { #expect(Crop.all.count >= 30) }

    @Test("from the file to the crop, bit for bit as timm on Pillow", arguments: Crop.all)
    func crop(row: Crop) throws {
        let settings = preprocessing(row.inputSize[1], row.inputSize[2], cropFraction: row.cropFraction, row.interpolation)
        let expected = try Data(contentsOf: TestData.shared.appending(path: "golden/preprocess/\(row.crop)"))
        let crop = try ImageDecoder().crop(image(row.image), for: settings).image
        #expect(crop.pixels == [UInt8](expected.suffix(3 * row.inputSize[1] * row.inputSize[2])))
    }

    @Test("every valid image decodes, whatever its name says, and an orientation is found where there is one")
    func valid() throws {
        for name in try index(of: "odd").keys.sorted() {
            let decoded = try ImageDecoder().crop(image("odd/\(name)"), for: preprocessing(64, 64)).description
            let orientation = name.firstMatch(of: /exif_(\d)/).flatMap { Int($0.1) } ?? 1
            #expect(decoded.orientation.rawValue == orientation, "\(name)")
            #expect(decoded.warnings.isEmpty, "\(name)")
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: TestData.shared.appending(path: "images/photos").path) {
            #expect(refusal(try image("photos/\(name)")) == nil, "\(name)")
        }
    }

    @Test("each bad file is refused with its kind of error", .timeLimit(.minutes(1)))
    func bad() throws {
        for (name, status) in try index(of: "bad") {
            let answer =
                switch refusal(try image("bad/\(name)")) {
                case .empty, .corrupt: 400
                case .tooLarge, .tooSlow: 413
                case .unsupportedFormat: 415
                case nil: 200
                }
            #expect(answer == status, "\(name)")
        }
    }

    @Test("16-bit gray is what its upper eight bits are")
    func deepGray() throws {
        let settings = preprocessing(224, 224)
        let decoded = try ImageDecoder().decode(image("odd/gray16.png")).image
        // Made of the cat, in gray.
        let cat = try ImageDecoder().decode(image("free/cat.jpg")).image
        let gray = (0..<cat.width * cat.height).map { pixel in
            let (r, g, b) = (Int(cat.pixels[3 * pixel]), Int(cat.pixels[3 * pixel + 1]), Int(cat.pixels[3 * pixel + 2]))
            return UInt8((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16)  // Pillow's convert("L")
        }
        let expected = RGBImage(width: cat.width, height: cat.height, pixels: gray.flatMap { [$0, $0, $0] })
        #expect(decoded == expected)
        #expect(try settings.crop(decoded) == settings.crop(expected))
    }

    /// Files as people have them; the pixels of each kind are held against Pillow's in make_images.py's.
    @Test(
        "what people really have is accepted, and turned upright",
        .enabled(if: TestData.hasShared("field/index.json"), "../shared has no folder of such files"))
    func field() throws {
        struct Row: Decodable {
            var file: String
            var upright: [Int]?

            enum CodingKeys: String, CodingKey {
                case file
                case upright = "upright_size"
            }
        }
        let rows = try JSONDecoder().decode([Row].self, from: Data(contentsOf: TestData.shared.appending(path: "field/index.json")))
        for row in rows.filter({ $0.upright != nil }) {
            let data = try Data(contentsOf: TestData.shared.appending(path: "field/\(row.file)"))
            let decoded = try ImageDecoder().decode(data).description
            let size = [decoded.width, decoded.height]
            #expect(row.upright == (decoded.orientation.swapsAxes ? size.reversed() : size), "\(row.file)")
        }
    }

    private func image(_ path: String) throws -> Data { try Data(contentsOf: TestData.shared.appending(path: "images/\(path)")) }

    /// From file name to HTTP status.
    private func index(of folder: String) throws -> [String: Int] {
        struct Entry: Decodable { var status: Int }
        return try JSONDecoder().decode([String: Entry].self, from: image("\(folder)/index.json")).mapValues(\.status)
    }
}
