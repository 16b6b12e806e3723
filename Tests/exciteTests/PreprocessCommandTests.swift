import Foundation
import Imaging
import SENet
import Serving
import Testing

@Suite("excite preprocess")
struct PreprocessCommandTests {
    private let cat = TestImages.repository.appending(path: "Tests/ImagingTests/Fixtures/cat.jpg").path
    private let turned = TestImages.repository.appending(path: "Tests/ImagingTests/Fixtures/exif_7.jpg").path
    private let folder: TemporaryFolder
    private let tiny: TinyModel

    init() throws {
        folder = try TemporaryFolder()
        tiny = try TinyModel {
            var pretrained = $0["pretrained_cfg"] as? [String: Any] ?? [:]
            pretrained["test_input_size"] = [3, 96, 80]
            pretrained["test_crop_pct"] = 1.0
            $0["pretrained_cfg"] = pretrained
        }
    }

    private func decode(_ path: String, _ decoder: ImageDecoder = ImageDecoder()) throws -> DecodedImage {
        try Data(contentsOf: URL(filePath: path)).withUnsafeBytes { try decoder.decode($0) }
    }

    @Test("writes what the network sees, as a picture and as the tensor that excite forward takes")
    func files() throws {
        let program = try Program(
            ["preprocess", cat, "-o", folder.path("crop.png"), "--tensor", folder.path("input.safetensors")], models: [tiny])
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        #expect(program.output.hasPrefix("\(cat): jpeg, 451 x 300, rgb\nthe network sees: 64 x 64, "))

        let preprocessing = try Preprocessing(tiny.load().source.configuration)
        let crop = try preprocessing.crop(decode(cat).image)
        #expect(try decode(folder.path("crop.png")).image == crop)
        let file = try SafeTensors(path: folder.path("input.safetensors"))
        #expect(file.tensors.mapValues(\.shape) == ["input": [1, 3, 64, 64]])
        var tensor = [Float](repeating: 0, count: 3 * 64 * 64)
        try tensor.withUnsafeMutableBufferPointer { try file.copyFloats(of: "input", to: $0) }
        var expected = tensor
        expected.withUnsafeMutableBufferPointer { preprocessing.normalize(crop, into: $0) }
        #expect(tensor == expected)
    }

    @Test("--input test takes the configuration's other size and crop")
    func testInput() throws {
        let program = try Program(
            ["preprocess", cat, "-o", folder.path("crop.png"), "--input", "test", "--format", "json"], models: [tiny])
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        #expect(program.output.contains(#""input":[96,80]"#))
        let crop = try decode(folder.path("crop.png")).image
        var preprocessing = try Preprocessing(tiny.load().source.configuration)
        (preprocessing.height, preprocessing.width, preprocessing.cropFraction) = (96, 80, 1)
        #expect(try crop == preprocessing.crop(decode(cat).image))
    }

    @Test("--exif ignore leaves a picture as it is stored, and says what was found")
    func exif() throws {
        var crops: [RGBImage] = []
        for exif in ["apply", "ignore"] {
            let program = try Program(["preprocess", turned, "-o", folder.path(exif), "--exif", exif, "--format", "json"], models: [tiny])
            #expect(try program.exitStatus() == 0, "\(program.errors)")
            #expect(program.output.contains(#""orientation":7"#))
            crops.append(try decode(folder.path(exif)).image)
        }
        #expect(crops[0] != crops[1])
        #expect(try crops[1] == Preprocessing(tiny.load().source.configuration).crop(decode(turned).image))
    }

    @Test("measures, and says what was passed over")
    func measures() throws {
        let trailing = TestImages.repository.appending(path: "Tests/ImagingTests/Fixtures/trailing_bytes.png").path
        let program = try Program(["preprocess", trailing, "--repeat", "2"], models: [tiny])
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        #expect(program.output.contains("passed over: 5 bytes behind"))
        #expect(program.output.contains("median of 2: "))
    }

    @Test("an image that cannot be read or decoded ends it with 1 and the reason")
    func failures() throws {
        for (image, message) in [("/nowhere/x.jpg", "cannot be read"), ("\(TestImages.repository.path)/Package.swift", "looks like text")] {
            let program = try Program(["preprocess", image], models: [tiny])
            #expect(try program.exitStatus() == 1)
            #expect(program.errors.contains(message), "\(program.errors)")
        }
    }
}
