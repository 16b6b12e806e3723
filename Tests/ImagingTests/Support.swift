import Foundation
import Imaging

/// Where the test data lies, found from this file's own path.
enum TestData {
    static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

    /// Reference data and images too large, or not free enough, for the repository: a folder beside the package.
    static let shared = URL(filePath: #filePath).appending(path: "../../../../shared").standardized
    static let hasShared = hasShared("golden/preprocess/index.json")
    static func hasShared(_ path: String) -> Bool { FileManager.default.fileExists(atPath: shared.appending(path: path).path) }

    static func fixture(_ name: String) throws -> Data { try Data(contentsOf: fixtures.appending(path: name)) }

    /// The rows of a table, without comments and the header, split at commas.
    static func table(_ name: String, header: Bool = true) throws -> [[String]] {
        let text = try String(contentsOf: fixtures.appending(path: name), encoding: .utf8)
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        return lines.dropFirst(header ? 1 : 0).map { $0.split(separator: ",").map(String.init) }
    }
}

/// A table's row lacks a column or holds something else than it should.
struct MalformedRow: Error { var row: [String] }

extension ImageDecoder {
    func decode(_ data: Data) throws(ImageError) -> DecodedImage {
        let result = data.withUnsafeBytes { bytes in Result { () throws(ImageError) in try decode(bytes) } }
        return try result.get()
    }

    func crop(
        _ data: Data, for preprocessing: Preprocessing, deadline: ContinuousClock.Instant? = nil, isAbandoned: (() -> Bool)? = nil
    ) throws(ImageError) -> DecodedImage {
        let result = data.withUnsafeBytes { bytes in
            Result { () throws(ImageError) in try crop(bytes, for: preprocessing, deadline: deadline, isAbandoned: isAbandoned) }
        }
        return try result.get()
    }

    func inspect(_ data: Data) throws(ImageError) -> (description: ImageDescription, cost: DecodeCost) {
        let result = data.withUnsafeBytes { bytes in Result { () throws(ImageError) in try inspect(bytes) } }
        return try result.get()
    }
}

/// The error a decoder throws for `data`, or nil where it decodes.
func refusal(_ data: Data, _ decoder: ImageDecoder = ImageDecoder()) -> ImageError? {
    do throws(ImageError) {
        _ = try decoder.decode(data)
        return nil
    } catch {
        return error
    }
}

/// CRC-32 as zlib computes it.
func crc32(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { crc, byte in (crc >> 8) ^ crcTable[Int((crc ^ UInt32(byte)) & 0xFF)] }
}

private let crcTable: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { crc, _ in crc & 1 == 1 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1 }
}

/// Noise: the top byte of each output of SplitMix64 started at `seed`, as in make_resample_cases.py.
func noise(seed: UInt64, width: Int, height: Int) -> RGBImage {
    let pixels = (1...UInt64(3 * width * height)).map { index in
        var z = seed &+ index &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return UInt8((z ^ (z >> 31)) >> 56)
    }
    return RGBImage(width: width, height: height, pixels: pixels)
}

/// ImageNet's settings with a given size.
func preprocessing(
    _ height: Int, _ width: Int, cropFraction: Double = 0.875, cropMode: CropMode = .center, _ interpolation: Interpolation = .bicubic
) -> Preprocessing {
    Preprocessing(
        height: height, width: width, cropFraction: cropFraction, cropMode: cropMode, interpolation: interpolation,
        mean: [0.485, 0.456, 0.406], standardDeviation: [0.229, 0.224, 0.225])
}
