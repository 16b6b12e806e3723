import Foundation
import SENet
import Serving

/// A folder that is removed with its owner.
final class TemporaryFolder: Sendable {
    let url = FileManager.default.temporaryDirectory.appending(path: "excite-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }

    /// The path of a file in it, which need not be there.
    func path(_ name: String) -> String { url.appending(path: name).path }

    /// Writes a file, and the folders above it.
    func write(_ text: String, to name: String) throws { try write(Data(text.utf8), to: name) }

    func write(_ data: Data, to name: String) throws {
        let file = url.appending(path: name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: file)
    }
}

/// A model's folder with a network small enough to be run hundreds of times in a test, its weights by formula.
final class TinyModel: Sendable {
    let folder = Result { try TemporaryFolder() }
    var path: String { get throws { try folder.get().url.path } }

    /// - Parameters:
    ///   - tag: what the model's name ends in: `seresnet18.tag`.
    ///   - channels: of the four stages.
    ///   - change: of what `config.json` says.
    init(
        tag: String = "tiny", classes: Int = 10, channels: [Int] = [16, 32, 48, 64], weights: Bool = true,
        change: (inout [String: Any]) -> Void = { _ in }
    ) throws {
        var config: [String: Any] = [
            "architecture": "seresnet18", "num_classes": classes,
            "model_args": ["layers": [1, 1, 1, 1], "channels": channels] as [String: Any],
            "pretrained_cfg": ["tag": tag, "input_size": [3, 64, 64], "interpolation": "bilinear"] as [String: Any],
        ]
        let network = try Configuration(json: JSONSerialization.data(withJSONObject: config)).network
        change(&config)
        let folder = try folder.get()
        try folder.write(JSONSerialization.data(withJSONObject: config), to: "config.json")
        if weights { try folder.write(Self.safetensors(network), to: "model.safetensors") }
    }

    /// Any network that takes images of 64 by 64 pixels.
    init(_ network: Network) throws {
        var evaluation = Configuration.Evaluation()
        (evaluation.height, evaluation.width) = (64, 64)
        let folder = try folder.get()
        try folder.write(Configuration(network: network, evaluation: evaluation).json(), to: "config.json")
        try folder.write(Self.safetensors(network), to: "model.safetensors")
    }

    func load() throws -> Model { try .prepared(ModelSource(folder: path)) }

    private static func safetensors(_ network: Network) throws -> Data {
        var header: [String: Any] = [:]
        var body = Data()
        for parameter in network.parameters {
            let start = body.count
            WeightFormula.values(parameter).withUnsafeBytes { body.append(contentsOf: $0) }
            header[parameter.name] = ["dtype": "F32", "shape": parameter.shape, "data_offsets": [start, body.count]] as [String: Any]
        }
        let json = try JSONSerialization.data(withJSONObject: header)
        return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) } + json + body
    }
}

extension Model {
    /// Loads a model in a process that is ready for it.
    static func prepared(_ source: ModelSource) throws -> Model {
        Engine.prepareProcess()
        return try Model(source, threads: 2)
    }
}
