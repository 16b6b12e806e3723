import Foundation
import Testing

@testable import SENet

@Suite("Logits of published networks", .serialized)
struct GoldenLogitsTests {
    /// Published networks, variants and networks drawn at random, committed with the tests; and those beside the repository.
    static let cases =
        ["logits", "variants", "operations"].flatMap { GoldenCase.all(in: Fixtures.folder.appending(path: $0)) }
        + ["logits", "variants"].flatMap { GoldenCase.all(in: Shared.folder.appending(path: "golden/\($0)")) }
    static let instructionSets = Kernels.availableForFloat32
    // One thread but on the last instruction set: that a session's bits do not depend on how many there are is `SessionTests`' matter, and
    // teams that wait for each other on busy processors make minutes of seconds.

    @Test("are all there")
    func complete() { #expect(Self.cases.count == 42 + 20 + 12 + (Shared.isPresent ? 14 + 16 : 0)) }

    @Test("are PyTorch's, by the general path", arguments: cases)
    func general(_ golden: GoldenCase) throws { try check(golden, kernels: .prepared(), onlyGemm: true, threads: 1) }

    @Test("are PyTorch's, on every instruction set", arguments: cases, instructionSets)
    func fast(_ golden: GoldenCase, _ instructionSet: String) throws {
        try check(
            golden, kernels: .prepared(instructionSet), onlyGemm: false, threads: instructionSet == Self.instructionSets.last ? 2 : 1)
    }

    private func check(_ test: GoldenCase, kernels: Kernels, onlyGemm: Bool, threads: Int) throws {
        let golden = try test.golden
        let (images, channels) = (golden.inputShape[0], golden.inputShape[1])
        let (height, width) = (golden.inputShape[2], golden.inputShape[3])
        let plan = try Plan.byFormula(
            test.configuration, height: height, width: width, kernels: kernels, onlyGemm: onlyGemm, threads: threads)
        let logits = try plan.logits(formulaImages(images, channels: channels, height: height, width: width), threads: threads)
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

// A suite of its own: each suite holds one large network at a time, and this one's need not wait for float32's.
@Suite("Logits of published networks in bfloat16", .serialized)
struct GoldenBFloat16Tests {
    @Test(
        "are PyTorch's, as near as that can be, on every instruction set that has it", arguments: GoldenLogitsTests.cases,
        Kernels.available(for: .bfloat16))
    func bfloat16(_ test: GoldenCase, _ instructionSet: String) throws {
        let golden = try test.golden
        let (images, channels) = (golden.inputShape[0], golden.inputShape[1])
        let (height, width) = (golden.inputShape[2], golden.inputShape[3])
        let plan = try Plan.byFormula(
            test.configuration, height: height, width: width, kernels: .prepared(instructionSet), precision: .bfloat16, threads: 1)
        let logits = try plan.logits(formulaImages(images, channels: channels, height: height, width: width), threads: 1)
        // bfloat16 has 16 bits less: where float32 is off by so much, it may be off by 2^16 times that. Networks whose made-up weights make
        // much of small differences (152 layers: 15 dB) are told from broken ones by that. Measured: 0.01 to 0.22 of it.
        let allowed = 0.5 * 65536 * golden.float32Error
        for (image, reference) in golden.logits.enumerated() {
            let found = logits[image].map { Double($0) }
            #expect(found.count == reference.count)
            let squares = zip(found, reference).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
            let noise = (squares / Double(reference.count)).squareRoot()
            #expect(noise <= allowed, "image \(image): off by \(noise), allowed \(allowed)")
            let ratio = signalToNoise(found, reference)
            print("bf16 on \(instructionSet), \(test.name), image \(image): signal to noise \(Int(ratio.rounded())) dB")
            // In 13 of 169 images float32 is off by so much that what is allowed is more.
            #expect(ratio >= min(12, signalToNoise(reference.map { $0 + allowed }, reference)))
            let best = golden.top5[image]
            let margin = (reference[best[0]] - reference[best[1]]) / golden.maxAbs
            if margin > 0.05 { #expect(found.indices.max { found[$0] < found[$1] } == best[0], "image \(image): another first class") }
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
        return (try? JSONDecoder.snakeCase.decode([Row].self, from: Data(contentsOf: table))) ?? []
    }()

    @Test("the table is all there")
    func all() { #expect(Self.rows.count == 31) }

    @Test("parameters and multiply-accumulates are those of timm's modules", arguments: rows)
    func counts(_ row: Row) throws {
        let network = try Configuration(architecture: row.name).network
        #expect(network.parameterCount == row.parameters)
        let shapes = try network.shapes(height: row.inputSize, width: row.inputSize)
        let total = try network.operations.reduce(0) { $0 + $1.multiplyAccumulates(output: try #require(shapes[$1.name])) }
        #expect(total == row.multiplyAccumulates)
    }
}

@Suite("Counts of the paper's variants")
struct VariantCountTests {
    struct Counts: Decodable {
        var parameters: Int
        var multiplyAccumulatesAt224: Int
    }

    static let cases =
        GoldenCase.all(in: Fixtures.folder.appending(path: "variants"))
        + GoldenCase.all(in: Shared.folder.appending(path: "golden/variants"))

    @Test("are all there")
    func complete() { #expect(Self.cases.count == 20 + (Shared.isPresent ? 16 : 0)) }

    @Test("parameters and multiply-accumulates are those of PyTorch's modules, by stage and in all", arguments: cases)
    func counts(_ test: GoldenCase) throws {
        let expected = try JSONDecoder.snakeCase.decode(Counts.self, from: test.data)
        let network = try test.configuration.network
        let parts = try network.counts(height: 224, width: 224)
        let total = NetworkCounts.sum(of: parts, part: "in all")
        #expect(total.parameters == expected.parameters && network.parameterCount == expected.parameters)
        #expect(total.multiplyAccumulates == expected.multiplyAccumulatesAt224)
        #expect(parts.map(\.part) == ["stem", "stage 2", "stage 3", "stage 4", "stage 5", "head"])
    }

    @Test("squeeze and excitation adds what the paper says")
    func paper() throws {
        func counts(_ se: String) throws -> [NetworkCounts] {
            let configuration = try Configuration(architecture: "resnet50").with(squeezeExcitation: Data(se.utf8))
            return try configuration.network.counts(height: 224, width: 224)
        }
        // The paper's tables of reduction ratios and of stages round up.
        func millions(_ se: String) throws -> Double {
            (Double(NetworkCounts.sum(of: try counts(se), part: "").parameters) / 1e5).rounded(.up) / 10
        }
        #expect(try [2, 4, 8, 16, 32].map { try millions(#"{"reduction": \#($0)}"#) } == [45.7, 35.7, 30.7, 28.1, 26.9])
        #expect(try [2, 3, 4].map { try millions(#"{"stages": [\#($0)]}"#) } == [25.6, 25.7, 26.4])
        let authors = try Configuration(architecture: "legacy_seresnet50").network.counts(height: 224, width: 224)
        let total = NetworkCounts.sum(of: authors, part: "")
        #expect((Double(total.multiplyAccumulates) / 1e7).rounded(.up) == 387)
        #expect((Double(total.multiplyAccumulates - total.gateMultiplyAccumulates) / 1e7).rounded(.up) == 386)
        let parts = try counts("{}")
        #expect(parts.map { $0.gateParameters > 0 } == [false, true, true, true, true, false])
        let plain = try Configuration(architecture: "resnet50").network.counts(height: 224, width: 224)
        for (part, plain) in zip(parts, plain) {
            #expect(part.parameters - part.gateParameters == plain.parameters && plain.gateElementwise == 0)
            #expect(part.multiplyAccumulates - part.gateMultiplyAccumulates == plain.multiplyAccumulates)
        }
        // Blocks, channels and pixels: each element is squeezed once and scaled once.
        #expect(parts.map(\.gateElementwise) == [0, 6 * 256 * 3136, 8 * 512 * 784, 12 * 1024 * 196, 6 * 2048 * 49, 0])
    }
}
