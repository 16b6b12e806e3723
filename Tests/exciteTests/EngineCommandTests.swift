import Foundation
import SENet
import Serving
import Testing

@Suite("excite forward")
struct ForwardCommandTests {
    private let tiny: TinyModel
    private let folder: TemporaryFolder
    private let inputs: [Float]
    private let count = 3 * 64 * 64

    init() throws {
        tiny = try TinyModel()
        folder = try TemporaryFolder()
        inputs = WeightFormula.input(count: 19 * count)
    }

    private func forward() throws -> Program {
        try Program(["forward", "--input", folder.path("in"), "--output", folder.path("out")], models: [tiny])
    }

    @Test("writes the very logits of a session, for more images than one batch takes", arguments: [1, 16, 19])
    func roundTrip(images: Int) throws {
        try SafeTensors.write(Array(inputs.prefix(images * count)), name: "input", shape: [images, 3, 64, 64], to: folder.path("in"))
        let program = try forward()
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        let file = try SafeTensors(path: folder.path("out"))
        #expect(file.tensors.mapValues(\.shape) == ["logits": [images, 10]])
        var logits = [Float](repeating: 0, count: 10 * images)
        try logits.withUnsafeMutableBufferPointer { try file.copyFloats(of: "logits", to: $0) }

        let session = try Session(plan: tiny.load().plan, threads: 1, largestBatch: 1)
        for image in 0..<images {
            _ = session.input(0).update(from: inputs[image * count..<(image + 1) * count])
            session.run(images: 1)
            #expect(logits[image * 10..<image * 10 + 10].map(\.bitPattern) == session.logits(0).map(\.bitPattern))
        }
    }

    @Test("says what is wrong with its input")
    func badInput() throws {
        let missing = try forward()
        #expect(try missing.exitStatus() == 1)
        #expect(missing.errors.contains("\(folder.path("in")): cannot be opened"))

        try SafeTensors.write(Array(inputs.prefix(count)), name: "x", shape: [1, 3, 64, 64], to: folder.path("in"))
        let otherName = try forward()
        #expect(try otherName.exitStatus() == 1)
        #expect(otherName.errors.contains("no tensor named 'input'; it has: x"))

        for shape in [[1, 1, 64, 192], [3, 64, 64], [1, count, 1, 1]] {
            try SafeTensors.write(Array(inputs.prefix(count)), name: "input", shape: shape, to: folder.path("in"))
            let program = try forward()
            #expect(try program.exitStatus() == 1)
            #expect(program.errors.contains("must be (N, 3, height, width), not \(shape)"))
        }
    }
}

@Suite("excite inspect")
struct InspectCommandTests {
    @Test("gives the totals of a published network, without weights")
    func totals() throws {
        let text = try Program(["inspect", "--model", "seresnet50"])
        let json = try Program(["inspect", "--model", "seresnet50", "--format", "json"])
        #expect(try text.exitStatus() == 0)
        #expect(text.output.contains("28,088,024"))
        #expect(text.output.contains("4,091,699,200"))
        #expect(try json.exitStatus() == 0)
        let report = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        #expect(report["parameters"] as? Int == 28_088_024)
        #expect(report["multiply_accumulates"] as? Int == 4_091_699_200)
        #expect(report["input"] as? [Int] == [3, 224, 224])
        let layers = try #require(report["layers"] as? [[String: Any]])
        #expect(layers.reduce(0) { $0 + ($1["parameters"] as? Int ?? 0) } == 28_088_024)
        #expect(layers.reduce(0) { $0 + ($1["multiply_accumulates"] as? Int ?? 0) } == 4_091_699_200)
    }

    @Test("shows a model's folder, at another size, and its plan")
    func folder() throws {
        let tiny = try TinyModel()
        for arguments in [["--size", "96x64"], ["--size", "96x64", "--plan"]] {
            let program = try Program(["inspect"] + arguments, models: [tiny])
            #expect(try program.exitStatus() == 0)
            #expect(program.output.contains("seresnet18.tiny, input 3×96×64"))
            #expect(program.output.contains("algorithm") == arguments.contains("--plan"))
        }
    }

    @Test("puts networks beside each other, by stage and in all")
    func comparison() throws {
        let subjects = ["resnet50", "seresnet50,reduction=8", "reduction=16,stages=2+3+4", "legacy_seresnet50"]
        let text = try Program(["inspect", "--model", "seresnet50", "--compare"] + subjects)
        #expect(try text.exitStatus() == 0, "\(text.errors)")
        for expected in ["25.6 M", "30.7 M", "26.6 M", "4.09 G", "+0.26 %", "stem", "stage 5", "head"] {
            #expect(text.output.contains(expected))
        }
        let json = try Program(["inspect", "--model", "seresnet50", "--format", "json", "--compare"] + subjects)
        #expect(try json.exitStatus() == 0, "\(json.errors)")
        let report = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        let networks = try #require(report["networks"] as? [[String: Any]])
        #expect(networks.compactMap { $0["name"] as? String } == subjects)
        let totals = networks.compactMap { $0["total"] as? [String: Any] }
        #expect(totals.compactMap { $0["parameters"] as? Int }.first == 25_557_032)
        #expect(totals.compactMap { $0["gate_parameters"] as? Int }.first == 0)
    }

    @Test(
        "says what is wrong with a network to be compared",
        arguments: [
            ("seresnet51", "seresnet51"), ("seresnet50,reduction=0", "reduction must be from 1"),
            ("seresnet50,reduction=x", "reduction"), ("seresnet50,colour=red", "colour"), ("seresnet50,stages=9", "stages must be some of"),
            ("legacy_seresnet50,reduction=8", "only for timm's ResNets"), ("seresnet50,resnet50", "one model"), (",", "one model"),
        ])
    func badComparison(_ subject: String, _ expected: String) throws {
        let program = try Program(["inspect", "--compare", subject])
        #expect(try program.exitStatus() != 0)
        #expect(program.errors.contains(expected), "\(program.errors)")
    }

    @Test("says that a name is neither a folder nor a network")
    func unknown() throws {
        let program = try Program(["inspect", "--model", "seresnet51"])
        #expect(try program.exitStatus() == 1)
        #expect(program.errors.contains("seresnet51"))
    }
}

@Suite("excite bench")
struct BenchCommandTests {
    @Test("measures images a second and latency", arguments: [1, 3])
    func json(batch: Int) throws {
        let program = try Program(
            ["bench", "--seconds", "0.05", "--batch", "\(batch)", "--threads", "2", "--format", "json"], models: [try TinyModel()])
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        let report = try #require(try JSONSerialization.jsonObject(with: Data(program.output.utf8)) as? [String: Any])
        #expect(report["model"] as? String == "seresnet18.tiny")
        #expect(report["batch"] as? Int == batch)
        #expect(report["threads"] as? Int == 2)
        #expect(try #require(report["images_per_second"] as? Double) > 0)
        let latency = try #require(report["latency_ms"] as? [String: Double])
        let values = try ["minimum", "p50", "p90", "p99"].map { try #require(latency[$0]) }
        #expect(values == values.sorted())
    }

    @Test("measures a published network at a size of its own, and says so as text")
    func text() throws {
        let program = try Program(["bench", "--model", "seresnet18", "--size", "32", "--seconds", "0.01"])
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        #expect(program.output.contains("seresnet18, batch 1, "))
        #expect(program.output.contains(" images/s over "))
    }
}
