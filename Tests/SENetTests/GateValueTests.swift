import Foundation
import Testing

@testable import SENet

@Suite("A run that hands out its gates")
struct GateValueTests {
    /// timm's gates for one network.
    struct Recorded: Decodable {
        struct Gate: Decodable {
            var name: String
            var values: [[Double]]
        }
        var inputShape: [Int]
        var gates: [Gate]
    }

    static let cases = GoldenCase.all(in: Fixtures.folder.appending(path: "gates"))

    private func plan(_ test: GoldenCase, _ recorded: Recorded, _ instructionSet: String) throws -> Plan {
        try Plan.byFormula(
            test.configuration, height: recorded.inputShape[2], width: recorded.inputShape[3], kernels: .prepared(instructionSet))
    }

    /// By gate, then by image.
    private func gates(_ session: Session, images: Int) -> [[[Float]]] {
        var gates = [[[Float]]](repeating: Array(repeating: [], count: images), count: session.plan.gates.count)
        session.run(images: images) { gate, image, values in gates[gate][image] += Array(values) }
        return gates
    }

    @Test("there are networks to test") func complete() { #expect(Self.cases.count == 3) }

    @Test("gives timm's, block by block", arguments: cases, Kernels.availableForFloat32)
    func timm(_ test: GoldenCase, _ instructionSet: String) throws {
        let recorded = try JSONDecoder.snakeCase.decode(Recorded.self, from: test.data)
        let plan = try plan(test, recorded, instructionSet)
        #expect(plan.gates.map(\.name) == recorded.gates.map(\.name))
        #expect(plan.gates.map(\.channels) == recorded.gates.map { $0.values[0].count })
        let images = formulaImages(recorded.inputShape[0], height: recorded.inputShape[2], width: recorded.inputShape[3])
        for threads in 1...2 {
            let session = try Session(plan: plan, threads: threads, largestBatch: images.count)
            for (index, image) in images.enumerated() { _ = session.input(index).update(from: image) }
            for (found, wanted) in zip(gates(session, images: images.count), recorded.gates) {
                for (found, wanted) in zip(found, wanted.values) {
                    #expect(found.count == wanted.count)
                    let error = zip(found, wanted).map { abs(Double($0) - $1) }.max() ?? 1
                    #expect(error <= 1e-5, "\(wanted.count) channels: off by \(error)")
                }
            }
        }
    }

    @Test("gives the logits of any other run, and an image the same gates alone and in a batch", arguments: cases)
    func unchanged(_ test: GoldenCase) throws {
        let recorded = try JSONDecoder.snakeCase.decode(Recorded.self, from: test.data)
        let plan = try plan(test, recorded, Kernels.available[0])
        let images = formulaImages(5, height: recorded.inputShape[2], width: recorded.inputShape[3])
        let logits = try plan.logits(images)
        let session = try Session(plan: plan, threads: 2, largestBatch: 5)
        for (index, image) in images.enumerated() { _ = session.input(index).update(from: image) }
        let together = gates(session, images: 5)
        #expect(images.indices.map { Array(session.logits($0)) } == logits)
        for (index, image) in images.enumerated() {
            _ = session.input(0).update(from: image)
            #expect(gates(session, images: 1).map { $0[0] } == together.map { $0[index] })
        }
    }

    @Test("has none to give where the network has none")
    func none() throws {
        #expect(try Plan.byFormula(.small("resnet18"), height: 32, width: 32).gates.isEmpty)
    }
}
