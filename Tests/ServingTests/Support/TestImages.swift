import Foundation
import Testing

/// Where the images lie that the tests send, found from this file's own path.
enum TestImages {
    static let repository = URL(filePath: #filePath).appending(path: "../../../..").standardized

    /// JPEG files of many kinds, from the tests of `Imaging`: they decode to different pictures or sizes.
    static let names = ["cat", "gray", "cmyk", "yuv420", "progressive", "one_pixel", "one_row", "rgb"]

    static func jpeg(_ name: String = "yuv420") throws -> [UInt8] {
        try Array(Data(contentsOf: repository.appending(path: "Tests/ImagingTests/Fixtures/\(name).jpg")))
    }

    /// What is no image, each with the reason that an answer gives.
    static func broken() throws -> [(bytes: [UInt8], reason: String)] {
        let cat = try jpeg("cat")
        return [
            ([], "empty"), (Array("hello".utf8), "not served"), (Array(cat.prefix(cat.count / 2)), "cut off or damaged"),
            (Array("GIF89a".utf8) + [UInt8](repeating: 0, count: 64), "not served"),
        ]
    }
}

/// The model that comes with the program.
enum Embedded {
    static let folder = TestImages.repository.appending(path: "models/seresnet34-tiny-imagenet").path
}

/// Images and reference answers beside the repository; tests that need them are skipped where they are absent.
enum Shared {
    static let folder = TestImages.repository.appending(path: "../shared").standardized
    static let isPresent = FileManager.default.fileExists(atPath: folder.appending(path: "model/expected.json").path)
    static let comment: Comment = "needs the images and answers in ../shared, which is absent"
}
