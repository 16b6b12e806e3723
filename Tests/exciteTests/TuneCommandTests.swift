import Foundation
import Serving
import Testing

@testable import excite

@Suite("excite tune")
struct TuneCommandTests {
    @Test("reads objectives, and nothing else", arguments: [("p99=50ms", 0.99, 0.05), ("p99.9=2s", 0.999, 2), ("p50=0.5ms", 0, 0)])
    func objective(text: String, share: Double, seconds: Double) throws {
        guard seconds > 0 else { return #expect(LatencyObjective(argument: text) == nil, "less than a millisecond") }
        let objective = try #require(LatencyObjective(argument: text))
        #expect(abs(objective.share - share) < 1e-9 && objective.limit == .seconds(seconds))
        #expect(objective.text == "\(text.prefix { $0 != "=" }) within \(Int(seconds * 1000)) ms")
        for wrong in ["p99", "50ms", "p99=50", "p49=50ms", "p100=50ms", "p99=-1ms", "p99=50ms ", "p99=99999s"] {
            #expect(LatencyObjective(argument: wrong) == nil, "\(wrong)")
        }
    }

    @Test("prints options that serve takes, and what they get through")
    func flags() throws {
        let tiny = try TinyModel()
        let arguments = [
            "tune", "--slo", "p99=30s", "--rate", "1000000", "--max-batch", "3", "--seconds", "0.2", "--threads", "2", "--format", "json",
        ]
        let program = try Program(arguments, models: [tiny])
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        let report = try #require(JSONSerialization.jsonObject(with: Data(program.output.utf8)) as? [String: Any])
        let flags = try #require(report["flags"] as? [String])
        let serve = try Serve.parse(flags)
        #expect((1...3).contains(serve.poolOptions.maxBatch) && serve.poolOptions.defaultDeadline == 42_000)
        #expect(try serve.poolOptions.queue ?? 0 >= 1 && serve.servedModels.model == [tiny.path])
        let capacity = try #require(report["capacity"] as? Double)
        let instances = try #require(report["instances"] as? Int)
        #expect(capacity > 0 && abs(Double(instances) * capacity - 1_000_000) <= capacity * 1.001 + 0.01 * Double(instances))
        let costs = try #require(report["costs"] as? [String: Any])
        #expect((costs["runs_ms"] as? [Double])?.count == 3)
    }

    @Test("says what is wrong: no objective, one that cannot be kept, a folder without images, an image that is none")
    func mistakes() throws {
        func errors(_ arguments: [String], models: [TinyModel] = []) throws -> String {
            let program = try Program(["tune"] + arguments, models: models)
            #expect(try program.exitStatus() != 0)
            return program.errors
        }
        #expect(try errors([]).contains("--slo p99=50ms"))
        #expect(try errors(["--slo", "fast"]).contains("fast"))
        let folder = try TemporaryFolder()
        let arguments = ["--slo", "p99=1ms", "--seconds", "0.1", "--images", folder.url.path]
        #expect(try errors(arguments).contains("no images there"))
        try folder.write("no image", to: "a.jpg")
        #expect(try errors(arguments).contains("a.jpg"))
    }
}
