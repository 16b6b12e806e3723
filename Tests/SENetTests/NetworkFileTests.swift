import Foundation
import Testing

@testable import SENet

@Suite("A network as a list of operations in config.json")
struct NetworkFileTests {
    /// Every kind of operation.
    private static let network = Network(
        name: "all", inputChannels: 3,
        operations: [
            Operation("conv", .convolution(Convolution(inputs: 3, outputs: 24, kernel: 3, stride: 2, bias: true)), inputs: ["input"]),
            Operation("bn", .batchNorm(BatchNorm(channels: 24, epsilon: 0.001)), inputs: ["conv"]),
            Operation("silu", .activation(.silu), inputs: ["bn"]),
            Operation(
                "pool", .pooling(Pooling(operator: .average, kernel: 3, stride: 2, padding: 1, ceil: true, countsPadding: true)),
                inputs: ["silu"]),
            Operation("blur", .blurPooling(BlurPooling(stride: 1, padding: .zeros)), inputs: ["pool"]),
            Operation("both", .concatenation, inputs: ["pool", "blur"]),
            Operation("gate", .gate(Gate(channels: 48, hidden: 8, squeeze: .max, excitation: .tanh)), inputs: ["both"]),
            Operation("scaled", .scale, inputs: ["both", "gate"]),
            Operation("sum", .add, inputs: ["scaled", "both"]),
            Operation("mean", .globalPooling(.average), inputs: ["sum"]),
            Operation("fc", .linear(Linear(inputs: 48, outputs: 5)), inputs: ["mean"]),
        ])

    private static func configuration() throws -> Configuration {
        var evaluation = Configuration.Evaluation()
        (evaluation.height, evaluation.width, evaluation.cropFraction) = (64, 48, 0.9)
        (evaluation.mean, evaluation.interpolation) = ([0.1, 0.2, 0.3], "bilinear")
        (evaluation.testHeight, evaluation.testWidth, evaluation.testCropFraction) = (96, 64, 1)
        var configuration = try Configuration(network: network, evaluation: evaluation)
        configuration.fullName = "all.mine"
        configuration.labelNames = ["a", "b", "c", "d", "e"]
        configuration.labelDescriptions = ["a": "first"]
        configuration.license = "mit"
        return configuration
    }

    @Test("is read back as it was written")
    func roundTrip() throws {
        let configuration = try Self.configuration()
        #expect(configuration.classes == 5)
        #expect(try Configuration(json: configuration.json()) == configuration)
    }

    @Test("is what a published architecture is written as, too", arguments: ["seresnet50", "legacy_seresnext26_32x4d"])
    func architecture(_ name: String) throws {
        let configuration = try Configuration(architecture: name)
        let read = try Configuration(json: configuration.json())
        #expect(read.network == configuration.network && read.evaluation == configuration.evaluation && read.classes == 1000)
    }

    /// What the file says when one piece of it is replaced.
    private func message(replacing old: String, with new: String) throws -> String {
        let text = String(decoding: try Self.configuration().json(), as: UTF8.self)
        #expect(text.contains(old))
        let changed = Data(text.replacing(old, with: new, maxReplacements: 1).utf8)
        let error = #expect(throws: ModelError.self) { try Configuration(json: changed) }
        return error?.description ?? ""
    }

    @Test(
        "that is wrong says what and where",
        arguments: [
            (
                #""operation" : "blur_pooling""#, #""operation" : "axpy""#,
                "'blur' is a 'axpy', which is not supported: it must be one of activation,"
            ),
            (#""function" : "silu""#, #""function" : "gelu""#, "network.operations.[2].function"),
            (#""hidden" : 8"#, #""hidden" : 8, "bias" : true"#, "network.operations.[6].bias: this key is not supported"),
            (#""hidden" : 8,"#, "", "network.operations.[6].hidden"),
            (#""hidden" : 8"#, #""hidden" : 0"#, "operation 'gate': hidden must be from 1"),
            (#""input_channels" : 3,"#, #""input_channels" : 3, "x" : 1,"#, "network.x: this key is not supported"),
            (#""input_channels" : 3,"#, #""input_channels" : 5,"#, "input_size must be [5, height, width]"),
            (#""kernel_size" : 3"#, #""kernel_size" : 0"#, "operation 'conv': kernel_size must be from 1"),
            (#""stride" : 2"#, #""stride" : 0"#, "operation 'conv': stride must be from 1"),
            (#""groups" : 1"#, #""groups" : 0"#, "operation 'conv': groups must be from 1"),
            (#""groups" : 1"#, #""groups" : 2"#, "operation 'conv' cannot take 3×64×48: its channels do not divide into 2 groups"),
            (#""out_channels" : 24"#, #""out_channels" : 16"#, "operation 'bn' cannot take 16×32×24: it has 24 channels"),
            (#""out_channels" : 24"#, #""out_channels" : 9223372036854775807"#, "out_channels must be from 1 to 65536"),
            (#""eps" : 0.001"#, #""eps" : -1"#, "operation 'bn': eps"),
            (#""num_classes" : 5"#, #""num_classes" : 6"#, "num_classes is 6, but the network's last operation makes 5 values"),
            (#""name" : "silu""#, #""name" : "bn""#, "two operations make the value 'bn'"),
            (#""name" : "silu""#, #""name" : "input""#, "cannot have the name 'input'"),
            (#""in_features" : 48"#, #""in_features" : 47"#, "operation 'fc' cannot take 48×1×1: it takes a vector of 47"),
            (#""padding" : "zeros""#, #""padding" : "zeros", "channels" : 3"#, "this key is not supported"),
            (#""num_classes" : 5"#, #""num_classes" : 5, "model_args" : {"in_chans" : 3}"#, "model_args cannot stand beside network"),
        ])
    func errors(_ old: String, _ new: String, _ expected: String) throws {
        let text = try message(replacing: old, with: new)
        #expect(text.contains(expected), "\(new) gave: \(text)")
    }

    @Test(
        "may not end in an image, nor be empty, nor share a tensor's name",
        arguments: [
            (Array(network.operations.dropLast(2)), "'sum', makes 48×57×57 and not one value a class"),
            ([], "no operations"),
            (
                network.operations + [Operation("gate.fc1", .linear(Linear(inputs: 5, outputs: 5)), inputs: ["fc"])],
                "a tensor 'gate.fc1.weight'"
            ),
            (network.operations + [Operation("x", .add, inputs: ["fc"])], "operation 'x' takes 2 value(s), not 1"),
            (network.operations + [Operation("x", .activation(.relu), inputs: ["y"])], "reads the value 'y'"),
        ])
    func wholes(_ operations: [SENet.Operation], _ expected: String) {
        let network = Network(name: "x", inputChannels: 3, operations: operations)
        let error = #expect(throws: ModelError.self) { try Configuration(network: network, evaluation: Configuration.Evaluation()) }
        #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
    }
}
