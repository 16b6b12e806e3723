import Foundation
import Testing

@testable import SENet

@Suite("The class activation maps that a session gives beside the logits")
struct ClassMapTests {
    /// A network's plan, in a precision that the machine has.
    private func plan(_ precision: Precision, images: [[Float]]) throws -> Plan? {
        guard let name = Kernels.available(for: precision).first else { return nil }
        var source = ModelSource(configuration: try .small())
        if precision == .int8 {
            let folder = try TemporaryFolder()
            try Quantizer.quantized(source, on: images).write(to: folder.path("int8"))
            source = try ModelSource(folder: folder.path("int8"))
            return try source.plan(precision: precision, kernels: .prepared(name), threads: 2)
        }
        return try source.plan(precision: precision, kernels: .prepared(name), threads: 2)
    }

    @Test("make the logits: the mean of each and the bias, in every precision, for every class and image", arguments: Precision.allCases)
    func logits(_ precision: Precision) throws {
        let images = formulaImages(3, height: 64, width: 64)
        guard let plan = try plan(precision, images: images) else { return }
        #expect(plan.hasClassMaps)
        let session = try Session(plan: plan, threads: 2, largestBatch: images.count)
        for (index, logits) in session.logits(of: images).enumerated() {
            for (output, logit) in logits.enumerated() {
                let map = try #require(session.classMap(index, of: output))
                #expect(map.index == output && map.height == 2 && map.width == 2 && map.values.count == 4)
                let mean = map.values.reduce(0) { $0 + Double($1) } / Double(map.values.count)
                let size = map.values.reduce(1) { $0 + abs(Double($1)) }
                // A bfloat16 image is summed before it is rounded.
                let tolerance = precision == .bfloat16 ? 1e-2 : 1e-5
                #expect(abs(mean + Double(map.bias) - Double(logit)) < tolerance * size, "\(precision), class \(output)")
            }
        }
    }

    /// PyTorch's maps for one network.
    struct Recorded: Decodable {
        var inputShape: [Int]
        var float32Error: Double
        var maxAbs: Double
        var height: Int
        var width: Int
        /// By image and class, (height, width).
        var maps: [[[Double]]]
    }

    static let cases = GoldenCase.all(in: Fixtures.folder.appending(path: "maps"))

    @Test("there are networks to test") func complete() { #expect(Self.cases.count == 4) }

    @Test("are PyTorch's, within the tolerance of logits", arguments: cases, Kernels.availableForFloat32)
    func pytorch(_ test: GoldenCase, _ instructionSet: String) throws {
        let recorded = try JSONDecoder.snakeCase.decode(Recorded.self, from: test.data)
        let shape = recorded.inputShape
        let plan = try Plan.byFormula(test.configuration, height: shape[2], width: shape[3], kernels: .prepared(instructionSet))
        let tolerance = Golden(
            inputShape: shape, float32Error: recorded.float32Error, maxAbs: recorded.maxAbs, top5: [], logits: []
        ).tolerance(isWinograd: plan.summaries.contains { $0.algorithm.hasPrefix("winograd") })
        let session = try Session(plan: plan, threads: 2, largestBatch: shape[0])
        _ = session.logits(of: formulaImages(shape[0], height: shape[2], width: shape[3]))
        for (index, classes) in recorded.maps.enumerated() {
            for (output, reference) in classes.enumerated() {
                let map = try #require(session.classMap(index, of: output))
                #expect(map.height == recorded.height && map.width == recorded.width && map.values.count == reference.count)
                let error = zip(map.values, reference).map { abs(Double($0) - $1) }.max() ?? .infinity
                #expect(error <= tolerance, "off by \(error), allowed \(tolerance)")
            }
        }
    }

    @Test("are there where a window is the whole image, and not where the network ends otherwise")
    func otherHeads() throws {
        func plan(_ head: [SENet.Operation]) throws -> Plan {
            let convolution = Operation("conv", .convolution(Convolution(inputs: 3, outputs: 24, kernel: 3)), inputs: ["input"])
            let network = Network(name: "head", inputChannels: 3, operations: [convolution] + head)
            return try Plan(network: network, checkpoint: .madeUp, height: 8, width: 8, kernels: .prepared())
        }
        let classifier = Operation("fc", .linear(Linear(inputs: 24, outputs: 5)), inputs: ["pool"])
        // The convolution keeps the size, as its padding is half its kernel.
        let size = 8
        let window = Operation("pool", .pooling(Pooling(operator: .average, kernel: size, stride: 1)), inputs: ["conv"])
        let image = formulaImages(1, height: 8, width: 8)
        let whole = try Session(plan: plan([window, classifier]), threads: 1, largestBatch: 1)
        let logits = whole.logits(of: image)[0]
        for (output, logit) in logits.enumerated() {
            let map = try #require(whole.classMap(0, of: output))
            let mean = map.values.reduce(0, +) / Float(map.values.count)
            #expect(abs(mean + map.bias - logit) < 1e-5 * (1 + map.values.reduce(0) { $0 + abs($1) }))
        }
        let maximum = Operation("pool", .globalPooling(.max), inputs: ["conv"])
        let mean = Operation("pool", .globalPooling(.average), inputs: ["conv"])
        let deeper = [
            mean, Operation("hidden", .linear(Linear(inputs: 24, outputs: 20)), inputs: ["pool"]),
            Operation("hidden.act", .activation(.relu), inputs: ["hidden"]),
            Operation("fc", .linear(Linear(inputs: 20, outputs: 5)), inputs: ["hidden.act"]),
        ]
        for head in [[maximum, classifier], [mean], deeper] {
            let plan = try plan(head)
            #expect(!plan.hasClassMaps)
            let session = try Session(plan: plan, threads: 1, largestBatch: 1)
            session.run(images: 1)
            #expect(session.classMap(0, of: 0) == nil)
        }
    }
}
