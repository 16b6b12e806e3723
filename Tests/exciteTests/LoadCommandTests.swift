import Foundation
import HTTPServer
import Testing

@testable import LoadTesting
@testable import excite

@Suite("excite load: its report as text")
struct LoadTextTests {
    @Test("the plot counts every request once")
    func plot() throws {
        var latencies = LoadRecorder.Latencies(highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: .three)
        #expect(LatencyPlot(latencies: latencies).text == "")
        latencies.record(1000)
        #expect(LatencyPlot(latencies: latencies).text.split(separator: "\n").count == 2, "a heading and a row")
        for value in stride(from: 1500, through: 90_000, by: 500) { latencies.record(UInt64(value)) }
        let rows = LatencyPlot(latencies: latencies, rows: 8, width: 20).text.split(separator: "\n").dropFirst()
        #expect(rows.count == 8)
        let counts = try rows.map { try #require(Int($0.split(separator: " ")[1])) }
        #expect(counts.reduce(0, +) == Int(latencies.totalCount))
        let last = try #require(rows.last)
        #expect(last.contains("100.0 %"))
        #expect(last.hasPrefix("    90.") || last.hasPrefix("    90"), "the largest latency, in ms: \(last)")
        #expect(rows.map { $0.count { "█▏▎▍▌▋▊▉".contains($0) } }.max() == 20, "the longest bar fills the width")
    }

    /// A run of five requests: two answered, one of them late, one refused, one timed out, one cut short.
    private func recorder() -> LoadRecorder {
        let recorder = LoadRecorder(duration: .seconds(3600), deadline: .seconds(1))
        let now = ContinuousClock.now
        for (outcome, age) in [(LoadOutcome.answered, 2), (.answered, 0), (.status(429), 0), (.timeout, 0)] {
            let due = now - .seconds(age)
            recorder.sent(due: due)
            recorder.finished(.init(outcome: outcome, batchSizes: outcome == .answered ? [2 + age / 2] : []), due: due)
        }
        recorder.sent(due: now)
        return recorder
    }

    @Test("progress says what became of the requests so far")
    func progress() {
        let line = LoadProgress.line(recorder().snapshot, elapsed: 1, duration: 5)
        #expect(line.contains("200: 2   429: 1   timeout: 1   1 waiting"), "\(line)")
    }

    @Test("the report has every outcome, the batches, the lateness and the plot")
    func report() throws {
        let recorder = recorder()
        recorder.cutShort()
        recorder.slowOpened()
        recorder.slowEnded(.status(408), after: .seconds(1))
        let folder = try TemporaryFolder()
        try folder.write("an image", to: "image")
        let plan = LoadPlan(
            target: try LoadTarget("http://127.0.0.1:1", query: [], headers: []),
            payload: try LoadPayload(folders: [folder.url.path], form: nil), arrival: .open(rate: 40), duration: 1, connections: 1,
            timeout: .seconds(1), slow: 1)
        let text = LoadReport(recorder.snapshot, plan: plan, seconds: 1).text
        for part in [
            "http://127.0.0.1:1/classify: 40.00 requests/s for 1.0 s, 1 images in turn, 5 requests", "429", "timeout", "(1 came later)",
            "without an answer when the run was ended: 1", "images by batch size: 2 (1), 3 (1); 2.40 images a batch",
            "sent after they were due, in ms: p50", "slow connections", "latency of the answers with 200",
        ] {
            #expect(text.contains(part), "\(part): \(text)")
        }
    }
}

@Suite("excite load: the command")
struct LoadCommandTests {
    @Test("reports what a server of this program answered")
    func command() throws {
        let service = try TestService()
        let folder = try TemporaryFolder()
        try folder.write(Data(TestImages.jpeg()), to: "image.jpg")
        let program = try Program(
            [
                "load", "http://127.0.0.1:\(service.server.port)", "--rate", "20", "--duration", "0.5", "--images", folder.url.path,
                "--top",
                "2", "--form", "image", "--format", "json",
            ])
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        let report = try #require(try JSONSerialization.jsonObject(with: Data(program.output.utf8)) as? [String: Any])
        let outcomes = try #require(report["outcomes"] as? [String: [String: Any]])
        #expect(outcomes.keys.sorted() == ["200"])
        #expect(outcomes["200"]?["count"] as? Int == 10)
        #expect((report["batch_sizes"] as? [String: Int])?.values.reduce(0, +) == 10)
    }

    @Test("an interrupt ends it early, with its report")
    func interrupt() throws {
        let service = try TestService()
        let program = try Program(["load", "http://127.0.0.1:\(service.server.port)", "--rate", "5", "--duration", "600"])
        #expect(eventually { program.errors.contains("sent") }, "its progress")
        program.signal(SIGINT)
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        #expect(program.output.contains("latency of the answers with 200"), "\(program.output)")
    }

    @Test("ends with 1 where nobody listens, and says so")
    func nobody() throws {
        var service: TestService? = try TestService(.loading)
        let port = try #require(service?.server.port)
        service = nil
        let program = try Program(["load", "http://127.0.0.1:\(port)", "--rate", "5"])
        #expect(try program.exitStatus() == 1)
        #expect(program.errors == "excite: 127.0.0.1:\(port): connection refused; is the server running there?\n")
        #expect(program.output.isEmpty)
    }
}
