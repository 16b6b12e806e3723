import Foundation
import Testing

@testable import SENet

@Suite("The features that a session gives beside the logits")
struct FeatureTests {
    /// timm's features for one network.
    struct Recorded: Decodable {
        var inputShape: [Int]
        var float32Error: Double
        var maxAbs: Double
        var features: [[Double]]

        var images: [[Float]] { formulaImages(inputShape[0], height: inputShape[2], width: inputShape[3]) }

        /// As for logits.
        func tolerance(_ plan: Plan) -> Double {
            Golden(inputShape: inputShape, float32Error: float32Error, maxAbs: maxAbs, top5: [], logits: features)
                .tolerance(isWinograd: plan.summaries.contains { $0.algorithm.hasPrefix("winograd") })
        }
    }

    static let cases = GoldenCase.all(in: Fixtures.folder.appending(path: "features"))

    private func recorded(_ test: GoldenCase) throws -> Recorded { try JSONDecoder.snakeCase.decode(Recorded.self, from: test.data) }

    private func plan(_ test: GoldenCase, _ recorded: Recorded, _ kernels: Kernels, _ precision: Precision = .float32) throws -> Plan {
        try Plan.byFormula(
            test.configuration, height: recorded.inputShape[2], width: recorded.inputShape[3], kernels: kernels, precision: precision)
    }

    @Test("there are networks to test") func complete() { #expect(Self.cases.count == 5) }

    @Test("are timm's", arguments: cases, Kernels.availableForFloat32)
    func timm(_ test: GoldenCase, _ instructionSet: String) throws {
        let recorded = try recorded(test)
        let plan = try plan(test, recorded, .prepared(instructionSet))
        #expect(plan.featureCount == recorded.features[0].count)
        let features = try plan.features(recorded.images)
        for (found, reference) in zip(features, recorded.features) {
            #expect(found.count == reference.count)
            let error = zip(found, reference).map { abs(Double($0) - $1) }.max() ?? .infinity
            #expect(error <= recorded.tolerance(plan), "off by \(error), allowed \(recorded.tolerance(plan))")
        }
    }

    @Test("are timm's in bfloat16, as near as that can be", arguments: cases, Kernels.available(for: .bfloat16))
    func bfloat16(_ test: GoldenCase, _ instructionSet: String) throws {
        let recorded = try recorded(test)
        let features = try plan(test, recorded, .prepared(instructionSet), .bfloat16).features(recorded.images)
        for (found, reference) in zip(features, recorded.features) {
            #expect(signalToNoise(found.map { Double($0) }, reference) >= 30)
        }
    }

    @Test("are the same bits alone and in a batch, at any number of threads, and change no logits", arguments: cases)
    func bits(_ test: GoldenCase) throws {
        let recorded = try recorded(test)
        let plan = try plan(test, recorded, .prepared())
        let images = formulaImages(4, height: recorded.inputShape[2], width: recorded.inputShape[3])
        let together = try plan.features(images)
        #expect(try plan.features(images, threads: 1) == together)
        #expect(try images.map { try plan.features([$0])[0] } == together)
        let session = try Session(plan: plan, threads: 2, largestBatch: images.count)
        let logits = session.logits(of: images)
        for index in images.indices { _ = session.features(index) }
        #expect(images.indices.map { Array(session.logits($0)) } == logits)
    }

    @Test("are what the classifier makes the logits of, in every precision", arguments: Precision.allCases)
    func classifier(_ precision: Precision) throws {
        guard let name = Kernels.available(for: precision).first else { return }
        let images = formulaImages(3, height: 64, width: 64)
        var source = ModelSource(configuration: try .small())
        var weight = WeightFormula.values(try #require(source.network.parameters.dropLast().last))
        let bias = WeightFormula.values(try #require(source.network.parameters.last))
        let folder = try TemporaryFolder()
        if precision == .int8 {
            try Quantizer.quantized(source, on: images).write(to: folder.path("int8"))
            source = try ModelSource(folder: folder.path("int8"))
        }
        if precision != .float32 { weight.roundToBFloat16(rows: bias.count) }
        let plan = try source.plan(precision: precision, kernels: .prepared(name), threads: 2)
        #expect(plan.precision == precision && plan.featureCount == 64)
        let session = try Session(plan: plan, threads: 2, largestBatch: images.count)
        for (index, logits) in session.logits(of: images).enumerated() {
            let features = try #require(session.features(index).map { Array($0) })
            #expect(features.contains { $0 > 0 })
            for (output, logit) in logits.enumerated() {
                let products = zip(features, weight[output * 64..<(output + 1) * 64]).map { Double($0) * Double($1) }
                let size = products.reduce(0) { $0 + abs($1) } + 1
                #expect(abs(products.reduce(Double(bias[output]), +) - Double(logit)) < 1e-6 * size)
            }
        }
    }

    @Test("are the largest of each channel where the network pools so, and the vector before the classifier where it has more layers")
    func otherHeads() throws {
        func plan(_ head: [SENet.Operation]) throws -> Plan {
            let convolution = Operation("conv", .convolution(Convolution(inputs: 3, outputs: 24, kernel: 3)), inputs: ["input"])
            let network = Network(name: "head", inputChannels: 3, operations: [convolution] + head)
            return try Plan(network: network, checkpoint: .madeUp, height: 8, width: 8, kernels: .prepared())
        }
        let image = formulaImages(1, height: 8, width: 8)
        let maximum = Operation("pool", .globalPooling(.max), inputs: ["conv"])
        let mean = Operation("pool", .globalPooling(.average), inputs: ["conv"])
        let whole = Operation("pool", .pooling(Pooling(operator: .average, kernel: 8, stride: 1)), inputs: ["conv"])
        let classifier = Operation("fc", .linear(Linear(inputs: 24, outputs: 5)), inputs: ["pool"])
        // What a plan that ends in the pooling gives.
        for pool in [maximum, mean, whole] {
            let pooled = try plan([pool])
            #expect(pooled.featureCount == nil)
            let expected = try pooled.logits(image)[0]
            let features = try plan([pool, classifier]).features(image)[0]
            #expect(zip(features, expected).allSatisfy { abs($0 - $1) <= 1e-6 } && features.count == 24)
        }
        let deeper = try plan([
            mean, Operation("hidden", .linear(Linear(inputs: 24, outputs: 20)), inputs: ["pool"]),
            Operation("hidden.act", .activation(.relu), inputs: ["hidden"]),
            Operation("fc", .linear(Linear(inputs: 20, outputs: 5)), inputs: ["hidden.act"]),
        ])
        #expect(deeper.featureCount == 20)
        #expect(try deeper.features(image)[0].allSatisfy { $0 >= 0 })
    }

    @Test("are none where the network does not end in a linear layer")
    func none() throws {
        let network = Network(
            name: "convolutional", inputChannels: 3,
            operations: [
                Operation("conv", .convolution(Convolution(inputs: 3, outputs: 7, kernel: 3)), inputs: ["input"]),
                Operation("pool", .globalPooling(.average), inputs: ["conv"]),
            ])
        let plan = try Plan(network: network, checkpoint: .madeUp, height: 8, width: 8, kernels: .prepared())
        #expect(plan.featureCount == nil)
        let session = try Session(plan: plan, threads: 1, largestBatch: 1)
        session.run(images: 1)
        #expect(session.features(0) == nil)
    }
}

extension Plan {
    /// Features of a batch, each image (channels, height, width) row-major.
    fileprivate func features(_ images: [[Float]], threads: Int = 2) throws -> [[Float]] {
        let session = try Session(plan: self, threads: threads, largestBatch: images.count)
        _ = session.logits(of: images)
        return try images.indices.map { Array(try #require(session.features($0))) }
    }
}
