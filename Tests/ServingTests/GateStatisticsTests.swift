import Foundation
import Testing

@testable import Serving

@Suite("Gates")
struct GateStatisticsTests {
    @Test("have a mean and a deviation a channel, over images")
    func statistics() {
        var statistics = GateStatistics()
        for values: [Float] in [[0.25, 1], [0.75, 1], [0.5, 0.25]] { statistics.add([GateValues(name: "a", values: values)]) }
        #expect(statistics.images == 3)
        let block = statistics.blocks[0]
        #expect(block.name == "a")
        #expect(block.mean == [0.5, 0.75])
        let deviation = statistics.deviation(block)
        #expect(abs(deviation[0] - (0.125 / 3).squareRoot()) < 1e-12)
        #expect(abs(deviation[1] - (0.375 / 3).squareRoot()) < 1e-12)
    }

    @Test("of one image have no deviation; of none, no blocks")
    func few() {
        var statistics = GateStatistics()
        #expect(statistics.blocks.isEmpty)
        statistics.add([GateValues(name: "a", values: [0.3]), GateValues(name: "b", values: [0.1, 0.2])])
        #expect(statistics.blocks.map(\.name) == ["a", "b"])
        #expect(statistics.blocks.map { statistics.deviation($0) } == [[0], [0, 0]])
    }

    @Test("are counted in equal parts of 0 to 1, both ends included")
    func histogram() {
        let gate = GateValues(name: "a", values: [0, 0.1, 0.49, 0.5, 0.999, 1])
        #expect(gate.histogram(bins: 2) == [3, 3])
        #expect(gate.histogram(bins: 10) == [1, 1, 0, 0, 1, 1, 0, 0, 0, 2])
        #expect(abs(gate.mean - 3.089 / 6) < 1e-6)
        let odd = GateValues(name: "a", values: [-1, 7, .nan, .infinity, -.infinity, 0.5])
        #expect(odd.histogram(bins: 4) == [3, 0, 1, 2])
    }

    @Test("come with the answer for the images that ask for them, and change nothing else")
    func answers() throws {
        let model = try TinyModel().load()
        let pool = try EnginePool(models: [model], options: .init(threads: 2))
        defer { pool.close() }
        func ask(_ wantsGates: Bool) throws -> Inference {
            try pool.infer(InferenceRequest(image: try TestImages.jpeg(), model: model, wantsGates: wantsGates)).get()
        }
        let (with, without) = (try ask(true), try ask(false))
        #expect(with.logits == without.logits)
        #expect(without.gates == nil)
        let gates = try #require(with.gates)
        #expect(gates.map(\.name) == ["layer1.0.se", "layer2.0.se", "layer3.0.se", "layer4.0.se"])
        #expect(gates.map(\.values.count) == [16, 32, 48, 64])
        #expect(gates.allSatisfy { $0.values.allSatisfy { $0 > 0 && $0 < 1 } })
    }

    @Test("go to the right image in a batch where only some ask")
    func batch() throws {
        let model = try TinyModel().load()
        let held = try HeldPool([model])
        for (index, name) in TestImages.names.enumerated() {
            held.submit(InferenceRequest(image: try TestImages.jpeg(name), model: model, wantsGates: index % 2 == 0))
        }
        held.decodeAll()
        let pool = try EnginePool(models: [model], options: .init(threads: 1))
        defer { pool.close() }
        for (index, (name, answer)) in zip(TestImages.names, held.finish()).enumerated() {
            let alone = try pool.infer(InferenceRequest(image: try TestImages.jpeg(name), model: model, wantsGates: true)).get()
            #expect(try answer.get().batchSize == TestImages.names.count)
            #expect(try answer.get().gates == (index % 2 == 0 ? alone.gates : nil), "\(name)")
        }
    }
}
