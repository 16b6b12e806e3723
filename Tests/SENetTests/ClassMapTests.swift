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

    @Test("are the last feature map, weighted: what a plan that ends there gives")
    func weighted() throws {
        func network(_ operations: [SENet.Operation]) -> Network { Network(name: "net", inputChannels: 3, operations: operations) }
        let image = formulaImages(1, height: 9, width: 7)
        let features = [
            Operation("conv", .convolution(Convolution(inputs: 3, outputs: 24, kernel: 3)), inputs: ["input"]),
            Operation("conv.act", .activation(.relu), inputs: ["conv"]),
        ]
        // A 1 x 1 convolution with the classifier's weights, and none of its bias.
        let head = [
            Operation("pool", .globalPooling(.average), inputs: ["conv.act"]),
            Operation("fc", .linear(Linear(inputs: 24, outputs: 5)), inputs: ["pool"]),
        ]
        let whole = network(features + head)
        let weight = WeightFormula.values(try #require(whole.parameters.first { $0.name == "fc.weight" }))
        let plan = try Plan(network: whole, checkpoint: .madeUp, height: 9, width: 7, kernels: .prepared())
        let last = try Plan(network: network(features), checkpoint: .madeUp, height: 9, width: 7, kernels: .prepared())
        var map: [[Float]] = []
        let seeing = try Session(plan: last, threads: 1, largestBatch: 1)
        image[0].withUnsafeBufferPointer { from in _ = seeing.input(0).update(from: from) }
        seeing.run(images: 1) { value in
            if value.index == last.images.count - 1 { value.forEachChannel { _, numbers in map.append(Array(numbers)) } }
        }
        #expect(map.count == 24)
        let session = try Session(plan: plan, threads: 2, largestBatch: 1)
        _ = session.logits(of: image)
        for output in 0..<5 {
            let found = try #require(session.classMap(0, of: output))
            #expect(found.height == map[0].count / found.width)
            for (pixel, value) in found.values.enumerated() {
                let products = (0..<24).map { Double(weight[output * 24 + $0]) * Double(map[$0][pixel]) }
                let size = products.reduce(1e-3) { $0 + abs($1) }
                #expect(abs(products.reduce(0, +) - Double(value)) < 1e-5 * size)
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
        let size = try plan([]).summaries.last?.output.height ?? 0
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
