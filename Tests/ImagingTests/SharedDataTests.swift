import Foundation
import Imaging
import Testing

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

        /// The JPEG rows of the index; empty where there is none.
        static let all: [Crop] = {
            guard let data = try? Data(contentsOf: TestData.shared.appending(path: "golden/preprocess/index.json")),
                let rows = try? JSONDecoder().decode([Crop].self, from: data)
            else { return [] }
            return rows.filter { ["jpg", "jpeg"].contains(URL(filePath: $0.image).pathExtension.lowercased()) }
        }()
    }

    @Test("the index is there and has JPEG rows")
    func index() { #expect(Crop.all.count >= 25) }

    @Test("from the file to the crop, bit for bit as timm on Pillow", arguments: Crop.all)
    func crop(row: Crop) throws {
        let image = try ImageDecoder().decode(Data(contentsOf: TestData.shared.appending(path: "images/\(row.image)"))).image
        let settings = preprocessing(row.inputSize[1], row.inputSize[2], cropFraction: row.cropFraction, row.interpolation)
        let expected = try Data(contentsOf: TestData.shared.appending(path: "golden/preprocess/\(row.crop)"))
        #expect(settings.crop(image).pixels == [UInt8](expected.suffix(3 * row.inputSize[1] * row.inputSize[2])))
    }

    @Test("every valid JPEG decodes, whatever its name says")
    func valid() throws {
        for name in try index(of: "odd").keys.sorted() where name.hasSuffix(".jpg") || name == "wrong_name.png" {
            #expect(refusal(try image("odd/\(name)")) == nil, "\(name)")
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: TestData.shared.appending(path: "images/photos").path) {
            #expect(refusal(try image("photos/\(name)")) == nil, "\(name)")
        }
    }

    @Test("each bad file is refused with its kind of error", .timeLimit(.minutes(1)))
    func bad() throws {
        for (name, status) in try index(of: "bad") {
            let expected = name.hasSuffix(".jpg") || name.hasSuffix(".gif") ? status : 415  // other formats are not served yet
            let answer =
                switch refusal(try image("bad/\(name)")) {
                case .empty, .corrupt: 400
                case .tooLarge: 413
                case .unsupportedFormat: 415
                case nil: 200
                }
            #expect(answer == expected, "\(name)")
        }
    }

    private func image(_ path: String) throws -> Data { try Data(contentsOf: TestData.shared.appending(path: "images/\(path)")) }

    /// From file name to HTTP status.
    private func index(of folder: String) throws -> [String: Int] {
        struct Entry: Decodable { var status: Int }
        return try JSONDecoder().decode([String: Entry].self, from: image("\(folder)/index.json")).mapValues(\.status)
    }
}
