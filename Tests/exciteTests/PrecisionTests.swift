import Foundation
import SENet
import Serving
import Testing

/// Computed with the portable kernels, which have every precision on every machine.
@Suite("--precision")
struct PrecisionTests {
    private static let portable = ["EXCITE_ISA": "portable"]
    private let image = "\(Embedded.folder)/self-test.jpg"

    /// A folder that says that it is quantised; nothing beyond its configuration is ever read.
    private func quantized() throws -> TinyModel {
        try TinyModel { $0["quantization"] = ["precision": "int8", "values": [String: Any]()] as [String: Any] }
    }

    private func json(_ program: Program) throws -> [String: Any] {
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        return try #require(try JSONSerialization.jsonObject(with: Data(program.output.utf8)) as? [String: Any])
    }

    @Test(
        "gives other numbers, and the same labels, in every command that computes",
        arguments: [["classify"], ["gates", "--format", "csv"]])
    func commands(_ command: [String]) throws {
        func output(_ precision: [String], _ environment: [String: String] = [:]) throws -> String {
            let program = try Program(
                command + precision + (command == ["classify"] ? ["--format", "json"] : []) + [image],
                environment: Self.portable.merging(environment) { $1 })
            #expect(try program.exitStatus() == 0, "\(program.errors)")
            return program.output
        }
        let (float32, bfloat16) = (try output([]), try output(["--precision", "bf16"]))
        #expect(try output(["--precision", "f32"]) == float32)
        #expect(bfloat16 != float32)
        #expect(try output([], ["EXCITE_PRECISION": "bf16"]) == bfloat16)
        #expect(try output(["--precision", "f32"], ["EXCITE_PRECISION": "bf16"]) == float32, "the option wins")
        if command == ["classify"] { #expect(bfloat16.contains("espresso")) }
    }

    @Test("of evaluate is in its report")
    func evaluate() throws {
        let folder = try TemporaryFolder()
        try folder.write("\(image) n07920052\n", to: "list.txt")
        for precision in ["f32", "bf16"] {
            let program = try Program(
                ["evaluate", "--format", "json", "--precision", precision, folder.path("list.txt")], environment: Self.portable)
            #expect(try program.exitStatus() == 0, "\(program.errors)")
            #expect(program.output.contains(#""precision":"\#(precision)""#))
        }
    }

    @Test("of forward changes the logits a little")
    func forward() throws {
        let tiny = try TinyModel()
        let folder = try TemporaryFolder()
        let count = 3 * 64 * 64
        try SafeTensors.write(WeightFormula.input(count: 2 * count), name: "input", shape: [2, 3, 64, 64], to: folder.path("in"))
        func logits(_ precision: String) throws -> [Float] {
            let program = try Program(
                ["forward", "--input", folder.path("in"), "--output", folder.path("out"), "--precision", precision], models: [tiny],
                environment: Self.portable)
            #expect(try program.exitStatus() == 0, "\(program.errors)")
            var logits = [Float](repeating: 0, count: 20)
            try logits.withUnsafeMutableBufferPointer { try SafeTensors(path: folder.path("out")).copyFloats(of: "logits", to: $0) }
            return logits
        }
        let (float32, bfloat16) = (try logits("f32"), try logits("bf16"))
        let error = zip(float32, bfloat16).map { abs($0 - $1) }.max() ?? .infinity
        let largest = float32.map(abs).max() ?? 0
        #expect(error > 0 && error < 0.05 * largest, "off by \(error) of \(largest)")
    }

    @Test("is in what bench prints, in either format, and in its profile with each precision's limit")
    func bench() throws {
        let tiny = try TinyModel()
        func run(_ arguments: [String]) throws -> Program {
            try Program(["bench", "--seconds", "0.02", "--threads", "1"] + arguments, models: [tiny], environment: Self.portable)
        }
        #expect(try json(run(["--format", "json"]))["precision"] as? String == "f32")
        #expect(try json(run(["--format", "json", "--precision", "bf16"]))["precision"] as? String == "bf16")
        let text = try run(["--precision", "bf16"])
        #expect(try text.exitStatus() == 0)
        #expect(text.output.hasPrefix("seresnet18.tiny, batch 1, 1 threads, bf16, portable\n"))

        let profile = try json(run(["--profile", "--precision", "bf16", "--format", "json"]))
        let limits = try #require(profile["limits"] as? [[String: Any]])
        #expect(limits.map { $0["precision"] as? String } == ["f32", "bf16"])
        let rows = try #require(profile["rows"] as? [[String: Any]])
        for row in rows where (row["gigaflops"] as? Double ?? 0) > 0.5 {
            let limit = try #require(limits.first { $0["precision"] as? String == row["precision"] as? String }?["gigaflops"] as? Double)
            let share = try #require(row["share_of_limit"] as? Double)
            let rate = try #require(row["gigaflops"] as? Double)
            // Both are rounded.
            #expect(abs(share - rate / limit) < 0.02 * share + 0.06 / limit, "\(row)")
        }
        #expect(Set(rows.compactMap { $0["precision"] as? String }) == ["f32", "bf16"])
        let table = try run(["--profile", "--precision", "bf16"])
        #expect(try table.exitStatus() == 0)
        for precision in ["f32", "bf16"] {
            #expect(table.output.contains("limit of 1 threads' multiply-adds in \(precision), measured in this run: "))
        }
        let float32 = try run(["--profile"])
        #expect(try float32.exitStatus() == 0)
        #expect(!float32.output.contains("bf16"))
    }

    @Test("can be what bench compares")
    func comparison() throws {
        let program = try Program(
            ["bench", "--seconds", "0.1", "--compare", "precision=f32", "precision=bf16,batch=2"], models: [try TinyModel()],
            environment: Self.portable)
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        #expect(program.output.contains("A  seresnet18.tiny, batch 1, ") && program.output.contains(", f32: "))
        #expect(program.output.contains("B  seresnet18.tiny, batch 2, ") && program.output.contains(", bf16: "))
        let wrong = try Program(["bench", "--compare", "precision=f16", "batch=2"])
        #expect(try wrong.exitStatus() == 64)
        #expect(wrong.errors.contains("precision must be f32, bf16 or int8, not 'f16'"))
    }

    @Test("is in what inspect prints, with --plan of each step")
    func inspect() throws {
        let tiny = try TinyModel()
        let arguments = ["inspect", "--precision", "bf16"]
        let report = try json(Program(arguments + ["--plan", "--format", "json"], models: [tiny], environment: Self.portable))
        #expect((report["plan"] as? [String: Any])?["precision"] as? String == "bf16")
        let layers = try #require(report["layers"] as? [[String: Any]])
        #expect(layers.allSatisfy { ($0["precision"] as? String == "f32") == ["linear", "mean, linear"].contains($0["kind"] as? String) })
        let text = try Program(arguments + ["--plan"], models: [tiny], environment: Self.portable)
        #expect(try text.exitStatus() == 0)
        #expect(text.output.contains("  precision  algorithm") && text.output.contains("(bf16, portable)"))
    }

    @Test("is in /models, the metrics and the log of a server", arguments: ["f32", "bf16"])
    func serve(_ precision: String) throws {
        let served = try ServedProgram(
            precision == "f32" ? [] : ["--precision", precision], models: [try TinyModel()], environment: Self.portable)
        try served.waitForReadiness(200)
        let models = try #require(try served.ask("GET", "/models").json["models"] as? [[String: Any]])
        #expect(models.map { $0["precision"] as? String } == [precision])
        let sample = try Exposition(try served.ask("GET", "/metrics").text).samples.first { $0.name == "excite_model_info" }
        #expect(sample?.labels["precision"] == precision && sample?.labels["instruction_set"] == "portable")
        let loaded = try #require(served.log.first { $0["message"] as? String == "loaded" })
        #expect(loaded["precision"] as? String == precision)
    }

    @Test("bf16 passes the self-test of the model that comes with the program")
    func selfTest() throws {
        let served = try ServedProgram(["--precision", "bf16"], environment: Self.portable)
        try served.waitForReadiness(200)
        let answer = try served.ask("POST", "/classify?gates=1", body: Array(try Data(contentsOf: URL(filePath: image))))
        #expect(answer.predictions.first?["label"] as? String == "espresso")
        #expect(answer.text.contains(#""gates""#))
    }

    @Test("that cannot be had is refused, with what to do")
    func refusals() throws {
        let tiny = try TinyModel()
        func refusal(_ precision: String, _ model: TinyModel, _ environment: [String: String] = Self.portable) throws -> String {
            let bench = try Program(["bench", "--precision", precision], models: [model], environment: environment)
            let serve = try Program(["serve", "--port", "0", "--precision", precision], models: [model], environment: environment)
            #expect(try bench.exitStatus() == 1)
            #expect(try serve.exitStatus() == 1)
            for what in bench.errors.split(separator: "\n").map({ $0.replacing("Error: ", with: "") }) {
                #expect(serve.errors.contains(what), "\(serve.errors)")
            }
            return bench.errors
        }
        #expect(try refusal("int8", tiny).contains("not quantised, so it cannot be computed in int8: make it so with excite quantize"))
        for precision in ["f32", "bf16"] {
            let errors = try refusal(precision, quantized())
            #expect(errors.contains("is quantised and computed in int8: for \(precision) give the model that it was made of"), "\(errors)")
        }
        guard let without = ["avx2", "dotprod"].first(where: Kernels.available.contains) else { return }
        let errors = try refusal("bf16", tiny, ["EXCITE_ISA": without])
        #expect(errors.contains("bf16 needs a processor with AVX-512 BF16 or Arm's BF16: this is computed with '\(without)'"))
        #expect(errors.contains("the processor has: \(Kernels.available.joined(separator: ", "))"))
    }
}
