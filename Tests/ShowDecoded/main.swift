import Foundation
import Imaging

// What compare_decoding.py asks of: `show-decoded FILE` prints one line of JSON about an image, and after it the pixels as they are stored,
// (height, width, 3); or why the image was refused.

struct Report: Encodable {
    var error: String?
    var kind: String?
    var width: Int?
    var height: Int?
    var orientation: Int?
    var warnings: [String] = []
}

func report(on path: String) throws -> (Report, pixels: [UInt8]) {
    let file = try Data(contentsOf: URL(filePath: path))
    do {
        let decoded = try file.withUnsafeBytes { try ImageDecoder().decode($0) }
        let description = decoded.description
        let report = Report(
            width: description.width, height: description.height, orientation: description.orientation.rawValue,
            warnings: description.warnings)
        return (report, decoded.image.pixels)
    } catch let error as ImageError {
        return (Report(error: "\(error)", kind: String("\(Mirror(reflecting: error).children.first?.label ?? "empty")")), [])
    }
}

guard CommandLine.arguments.count == 2 else {
    FileHandle.standardError.write(Data("usage: show-decoded FILE\n".utf8))
    exit(64)
}
let (found, pixels) = try report(on: CommandLine.arguments[1])
let output = FileHandle.standardOutput
let encoder = JSONEncoder()
encoder.outputFormatting = .sortedKeys
try output.write(contentsOf: encoder.encode(found) + Data("\n".utf8))
try output.write(contentsOf: Data(pixels))
