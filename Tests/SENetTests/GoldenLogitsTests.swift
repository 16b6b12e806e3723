import Foundation
import Testing

@testable import SENet

@Suite("Logits of published networks", .serialized)
struct GoldenLogitsTests {
    /// The published networks and some variants, committed with the tests; and those beside the repository.
    static let cases =
        GoldenCase.all(in: Fixtures.folder.appending(path: "logits")) + GoldenCase.all(in: Fixtures.folder.appending(path: "operations"))
        + GoldenCase.all(in: Shared.folder.appending(path: "golden/logits"))
    static let instructionSets = Kernels.available

    @Test("are all there", .enabled(if: Shared.isPresent, Shared.comment))
    func complete() { #expect(Self.cases.count >= 28 + 12 + 10) }

    @Test("are PyTorch's, by the general path", arguments: cases)
    func general(_ golden: GoldenCase) throws { try check(golden, kernels: Kernels(), onlyGemm: true) }

    @Test("are PyTorch's, on every instruction set", arguments: cases, instructionSets)
    func fast(_ golden: GoldenCase, _ instructionSet: String) throws {
        try check(golden, kernels: Kernels(instructionSet), onlyGemm: false)
    }

    private func check(_ test: GoldenCase, kernels: Kernels, onlyGemm: Bool) throws {
        let golden = try test.golden
        let (images, channels) = (golden.inputShape[0], golden.inputShape[1])
        let (height, width) = (golden.inputShape[2], golden.inputShape[3])
        let plan = try Plan.byFormula(test.configuration, height: height, width: width, kernels: kernels, onlyGemm: onlyGemm)
        let logits = try plan.logits(formulaImages(images, channels: channels, height: height, width: width))
        let tolerance = golden.tolerance(isWinograd: plan.summaries.contains { $0.algorithm.hasPrefix("winograd") })
        for (image, reference) in golden.logits.enumerated() {
            #expect(reference.count == logits[image].count)
            let error = zip(logits[image], reference).map { abs(Double($0) - $1) }.max() ?? .infinity
            #expect(error <= tolerance, "image \(image): off by \(error), allowed \(tolerance)")
            let best = logits[image].indices.sorted { logits[image][$0] > logits[image][$1] }.prefix(5)
            #expect(Array(best) == golden.top5[image])
        }
    }
}

@Suite("Counts of networks", .serialized, .enabled(if: Shared.isPresent, Shared.comment))
struct CountTests {
    struct Row: Decodable, Sendable {
        var name: String
        var inputSize: Int
        var parameters: Int
        var multiplyAccumulates: Int
    }

    static let rows: [Row] = {
        let table = Shared.folder.appending(path: "golden/tables/networks.json")
        let rows = (try? JSONDecoder.snakeCase.decode([Row].self, from: Data(contentsOf: table))) ?? []
        return rows.filter { Architecture.named[$0.name] != nil }
    }()

    @Test("there are as many networks in the table as are supported")
    func all() { #expect(Self.rows.count >= 24) }

    @Test("parameters and multiply-accumulates are those of timm's modules", arguments: rows)
    func counts(_ row: Row) throws {
        let network = try Configuration(architecture: row.name).network
        #expect(network.parameterCount == row.parameters)
        let shapes = try network.shapes(height: row.inputSize, width: row.inputSize)
        let total = try network.operations.reduce(0) { $0 + $1.multiplyAccumulates(output: try #require(shapes[$1.name])) }
        #expect(total == row.multiplyAccumulates)
    }
}
