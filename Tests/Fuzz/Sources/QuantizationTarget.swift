import Foundation

@testable import SENet

/// The `quantization` of a model's `config.json`: it is refused with a message that says so, or its codes are sound, and then every
/// instruction set answers with the same finite bits.
func readQuantization(_ bytes: UnsafeRawBufferPointer) {
    // An object, not one that ends early and goes on with other keys of the file.
    struct Object: Decodable { init(from decoder: any Decoder) throws { _ = try decoder.container(keyedBy: Key.self) } }
    enum Key: CodingKey {}
    guard (try? JSONDecoder().decode(Object.self, from: Data(bytes))) != nil else { return }
    let model = smallModel
    var quantization: Quantization?
    var answers: [[Float]] = []
    do throws(ModelError) {
        let configuration = try Configuration(json: model.configurationStart + Data(bytes) + Data("}".utf8))
        quantization = configuration.quantization
        for name in Kernels.available {
            let plan = try Plan(
                network: configuration.network, checkpoint: model.checkpoint, height: SmallModel.size, width: SmallModel.size,
                kernels: Kernels(name), precision: .int8, quantization: quantization)
            let session = try Session(plan: plan, threads: 1, largestBatch: 1)
            _ = session.input(0).update(from: model.image)
            session.run(images: 1)
            answers.append(Array(session.logits(0)))
        }
    } catch {
        require(answers.isEmpty, "refused by one instruction set alone: \(error)")
        // The file has no tensors of a convolution that is to be float32; a string may turn out to be none when it is read.
        let reasons = ["config.json: quantization.", "tensor '", "not valid JSON"]
        require(reasons.contains { "\(error)".contains($0) }, "refused without a name: \(error)")
        return
    }
    require(answers.allSatisfy { $0 == answers[0] && $0.allSatisfy(\.isFinite) }, "\(answers)")
    for (name, channels) in model.channels {
        // What is pooled keeps its code.
        guard let code = quantization?.values[name] else {
            require(["pool", "blur"].contains(name), "\(name) has no code")
            continue
        }
        require([1, channels].contains(code.scale.count) && [1, channels].contains(code.zero.count), "\(name) has \(code)")
        require(code.scale.allSatisfy { $0 > 0 && $0.isFinite } && code.zero.allSatisfy { 0...255 ~= $0 }, "\(name) has \(code)")
    }
}

/// A small network with each kind of operation that has codes, and its weights as 8-bit integers.
private struct SmallModel {
    static let size = 32

    /// `config.json` as far as the quantisation.
    let configurationStart: Data
    let checkpoint: Checkpoint
    let image: [Float]
    /// Of each image in the network that has a code.
    let channels: [String: Int]

    /// - Throws: `ModelError`.
    init() throws {
        Engine.prepareProcess()
        let operations = [
            #""name": "stem", "operation": "convolution", "inputs": ["input"], "in_channels": 3, "out_channels": 16, "kernel_size": 3, "#
                + #""stride": 1, "padding": 1, "groups": 1, "bias": true"#,
            #""name": "stem_act", "operation": "activation", "inputs": ["stem"], "function": "relu""#,
            #""name": "pool", "operation": "pooling", "inputs": ["stem_act"], "operator": "average", "kernel_size": 3, "stride": 2, "#
                + #""padding": 1, "ceil_mode": false, "count_include_pad": true"#,
            #""name": "grouped", "operation": "convolution", "inputs": ["pool"], "in_channels": 16, "out_channels": 16, "kernel_size": 3, "#
                + #""stride": 1, "padding": 1, "groups": 4, "bias": true"#,
            #""name": "gate", "operation": "gate", "inputs": ["grouped"], "channels": 16, "hidden": 8, "squeeze": "average", "#
                + #""excitation": "sigmoid""#,
            #""name": "scaled", "operation": "scale", "inputs": ["grouped", "gate"]"#,
            #""name": "sum", "operation": "add", "inputs": ["scaled", "pool"]"#,
            #""name": "sum_act", "operation": "activation", "inputs": ["sum"], "function": "relu""#,
            #""name": "both", "operation": "concatenation", "inputs": ["sum_act", "pool"]"#,
            #""name": "norm", "operation": "batch_norm", "inputs": ["both"], "channels": 32, "eps": 0.001"#,
            #""name": "norm_act", "operation": "activation", "inputs": ["norm"], "function": "relu""#,
            #""name": "blur", "operation": "blur_pooling", "inputs": ["norm_act"], "stride": 2, "padding": "reflect""#,
            #""name": "mix", "operation": "convolution", "inputs": ["blur"], "in_channels": 32, "out_channels": 20, "kernel_size": 1, "#
                + #""stride": 1, "padding": 0, "groups": 1, "bias": true"#,
            #""name": "mean", "operation": "global_pooling", "inputs": ["mix"], "operator": "average""#,
            #""name": "head", "operation": "linear", "inputs": ["mean"], "in_features": 20, "out_features": 4"#,
        ]
        let start =
            #"{"architecture": "small", "pretrained_cfg": {"input_size": [3, \#(Self.size), \#(Self.size)]}, "network": {"name": "small", "#
            + #""input_channels": 3, "operations": [{\#(operations.joined(separator: "}, {"))}]}"#
        configurationStart = Data("\(start), \"quantization\": ".utf8)
        let source = ModelSource(configuration: try Configuration(json: Data("\(start)}".utf8)))
        image = WeightFormula.input(count: 3 * Self.size * Self.size)
        let quantizer = try Quantizer(source, threads: 1)
        let session = try Session(plan: quantizer.plan, threads: 1, largestBatch: 1)
        for pass in 0..<Quantizer.passes {
            _ = session.input(0).update(from: image)
            quantizer.observe(session, images: 1, pass: pass)
            if pass == 0 { quantizer.finishFirstPass() }
        }
        let quantized = try quantizer.quantize()
        let folder = FileManager.default.temporaryDirectory.appending(path: "excite-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try quantized.write(to: folder)
        // The file stays open.
        checkpoint = Checkpoint(try SafeTensors(path: "\(folder)/model.safetensors"), for: source.network.name)
        let values = quantizer.plan.images
        channels = quantized.quantization.values.keys.reduce(into: [:]) { channels, name in
            channels[name] = values.first { $0.name == name }?.shape.channels ?? 3
        }
    }
}

private let smallModel: SmallModel = {
    do { return try SmallModel() } catch { fatalError("\(error)") }
}()
