import Foundation
import Imaging
import SENet
import Testing

@testable import Serving

@Suite("A model's folder")
struct ModelTests {
    @Test("makes a model with its name, labels, preprocessing and plan")
    func load() throws {
        let model = try TinyModel(tag: "a1", classes: 7).load()
        #expect(model.name == "seresnet18.a1")
        #expect(model.labels.names.count == 7)
        #expect(model.plan.classes == 7)
        #expect(model.preprocessing.height == 64 && model.preprocessing.width == 64)
        #expect(model.preprocessing.interpolation == .bilinear)
        #expect(model.preprocessing.cropFraction == 0.875)
        #expect(model.multiplyAccumulates > 0)
    }

    @Test("served twice has one plan; other weights, sizes and kinds of it have their own")
    func shared() throws {
        let tiny = try TinyModel()
        let first = try tiny.load()
        func load(_ folder: String, precision: Precision? = nil) throws -> Model {
            try Model(ModelSource(folder: folder), name: "second", precision: precision, threads: 1, sharing: [first])
        }
        let second = try load(tiny.path)
        #expect(second.plan === first.plan && second != first)
        let pool = try EnginePool(models: [first, second], options: .init(threads: 2))
        defer { pool.close() }
        let image = try TestImages.jpeg("cat")
        let answers = try [first, second].map { try pool.infer(InferenceRequest(image: image, model: $0)).get().logits }
        #expect(answers[0] == answers[1])

        // The same weights with other labels, and in another size.
        let link = try TinyModel { $0["label_names"] = (0..<10).map { "class \($0)" } }
        let larger = try TinyModel { config in
            config["pretrained_cfg"] = ["tag": "tiny", "input_size": [3, 96, 96], "interpolation": "bilinear"] as [String: Any]
        }
        for folder in [try link.path, try larger.path] {
            #expect(try load(folder).plan !== first.plan, "equal weights in another file")
            try FileManager.default.removeItem(atPath: "\(folder)/model.safetensors")
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/model.safetensors", withDestinationPath: "\(try tiny.path)/model.safetensors")
        }
        #expect(try load(link.path).plan === first.plan)
        #expect(try load(larger.path).plan !== first.plan)
        // A processor may not have it.
        if let rounded = try? load(tiny.path, precision: .bfloat16) { #expect(rounded.plan !== first.plan) }
        let weights = try Data(contentsOf: URL(filePath: "\(try tiny.path)/model.safetensors"))
        try weights.write(to: URL(filePath: "\(try tiny.path)/model.safetensors"), options: .atomic)
        #expect(try load(tiny.path).plan !== first.plan, "the file was written anew")
    }

    @Test("that is missing is named in the error")
    func missing() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("nowhere")
        let error = try error { try Model(ModelSource(folder: path), threads: 1) }
        #expect(error == .file("\(path)/config.json: cannot be opened: No such file or directory"))
    }

    @Test("without weights is refused, and the file is named")
    func noWeights() throws {
        let model = try TinyModel(weights: false)
        let path = try model.path
        #expect(try error { try model.load() } == .file("\(path)/model.safetensors: cannot be opened: No such file or directory"))
    }

    @Test("with weights of another network is refused, and the tensor is named")
    func otherWeights() throws {
        let model = try TinyModel { $0["num_classes"] = 11 }
        guard case .weights(let text) = try error({ try model.load() }) else {
            Issue.record("another kind of error")
            return
        }
        #expect(text.contains("'fc.weight' should be [11, 64]") && text.contains("found [10, 64]"))
    }

    private static let refusals: [(String, @Sendable (inout [String: Any]) -> Void, [String])] = [
        ("not JSON", { $0 = [:] }, ["architecture"]),
        ("an unknown architecture", { $0["architecture"] = "vgg16" }, ["'vgg16'", "seresnet50"]),
        ("images in gray", { $0.change("model_args", "in_chans", to: 1) }, ["input_size", "[1, height, width]"]),
        ("an unknown interpolation", { $0.change("pretrained_cfg", "interpolation", to: "cubic") }, ["'cubic'", "bicubic", "bilinear"]),
        ("an unknown crop mode", { $0.change("pretrained_cfg", "crop_mode", to: "tile") }, ["'tile'", "center", "squash", "border"]),
        ("a crop fraction of zero", { $0.change("pretrained_cfg", "crop_pct", to: 0) }, ["crop_pct"]),
        ("an input too small", { $0.change("pretrained_cfg", "input_size", to: [3, 8, 8]) }, ["input_size", "8"]),
        ("too few labels", { $0.change("pretrained_cfg", "label_names", to: ["a", "b"]) }, ["label_names", "2", "10"]),
    ]

    @Test("whose configuration will not do is refused with what is wrong", arguments: refusals.indices)
    func configuration(index: Int) throws {
        let (name, change, words) = Self.refusals[index]
        let model = try TinyModel(change: change)
        guard case .configuration(let text) = try error({ try model.load() }) else {
            Issue.record("\(name): another kind of error")
            return
        }
        for word in words { #expect(text.contains(word), "\(name): \(text)") }
    }

    @Test("for gray images is refused even where mean and deviation fit")
    func gray() throws {
        let model = try TinyModel {
            $0.change("model_args", "in_chans", to: 1)
            $0.change("pretrained_cfg", "input_size", to: [1, 64, 64])
            $0.change("pretrained_cfg", "mean", to: [0.5])
            $0.change("pretrained_cfg", "std", to: [0.5])
        }
        #expect(try error { try model.load() } == .configuration("config.json: images have 3 channels, the network takes 1"))
    }

    private func error(_ body: () throws -> some Any) throws -> ModelError {
        do {
            _ = try body()
        } catch let error as ModelError {
            return error
        }
        return try #require(nil, "nothing was thrown")
    }
}

extension [String: Any] {
    /// Changes a value one level down.
    mutating func change(_ key: String, _ inner: String, to value: Any) {
        var object = self[key] as? [String: Any] ?? [:]
        object[inner] = value
        self[key] = object
    }
}
