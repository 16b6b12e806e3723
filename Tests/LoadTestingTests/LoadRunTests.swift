import Foundation
import HTTPServer
import Testing
import Threads

@testable import LoadTesting

/// A value that threads change in turns.
private final class Locked<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) { mutex = Mutex(value) }

    var value: Value { mutex.withLock { $0 } }

    @discardableResult
    func update<Result: Sendable>(_ body: @Sendable (inout Value) -> Result) -> Result { mutex.withLock { body(&$0) } }
}

/// A server that answers as a test says, on a free port, and counts.
private final class ScriptedServer: Sendable {
    let server: Server
    private let count = Locked(0)

    /// - Parameter answer: gets the number of requests before this one.
    init(
        configure: (inout ServerConfiguration) -> Void = { _ in }, answer: @escaping @Sendable (Int, Request, Responder) -> Void
    ) throws {
        var configuration = ServerConfiguration()
        configuration.port = 0
        configure(&configuration)
        server = try Server(
            configuration: configuration, render: { refusal, _ in Response(status: refusal.status) }, refusal: { _ in nil },
            handle: { [count] request, responder in
                let index = count.update { count in
                    count += 1
                    return count - 1
                }
                answer(index, request, responder)
            }, completed: { _ in })
    }

    deinit { server.stop() }

    var url: String { "http://127.0.0.1:\(server.port)" }
    var requests: Int { count.value }

    static func classified(batch: Int) -> Response {
        Response(status: 200, contentType: "application/json", text: #"{"model": "m", "batch_size": \#(batch)}"#)
    }
}

@Suite("excite load: runs against a server")
struct LoadRunTests {
    private func plan(
        _ server: ScriptedServer, _ arrival: LoadPlan.Arrival, duration: Double, connections: Int = 64, timeout: Duration = .seconds(300),
        change: (inout LoadPlan) -> Void = { _ in }
    ) throws -> LoadPlan {
        let folder = try TemporaryFolder()
        try folder.write("an image", to: "image")
        var plan = LoadPlan(
            target: try LoadTarget(server.url, query: [], headers: [("X-Deadline-Ms", "250")]),
            payload: try LoadPayload(folders: [folder.url.path], form: nil), arrival: arrival, duration: duration, connections: connections,
            timeout: timeout)
        change(&plan)
        return plan
    }

    @Test("waiting shows in the latencies of an open load, at the server or for a connection", arguments: [64, 1])
    func waitingShows(connections: Int) throws {
        // One at a time and 20 ms each: request n is not answered before (n + 1) · 20 ms, and is due at n · 10 ms.
        let queue = DispatchQueue(label: "one at a time")
        let server = try ScriptedServer { _, _, responder in
            queue.async {
                usleep(20_000)
                responder.respond(ScriptedServer.classified(batch: 1))
            }
        }
        let plan = try plan(server, .open(rate: 100), duration: 0.4, connections: connections) { $0.deadline = .milliseconds(250) }
        let report = try LoadRun(plan).run()
        #expect(report.requests == 40)
        let latency = try #require(report.outcomes["200"]?.latencyMs)
        #expect(latency.minimum >= 20)
        #expect(latency.p50 >= 150, "request 19: 400 ms - 190 ms")
        #expect(latency.maximum >= 400, "request 39: 800 ms - 390 ms")
        #expect(report.late >= 10, "from request 24 on every answer is later than 250 ms")
        #expect(report.goodput <= report.throughput)
        #expect(report.throughput <= 50)
    }

    @Test("answers are counted by status, and the report is JSON")
    func statuses() throws {
        let server = try ScriptedServer { index, request, responder in
            #expect(request.head.method == "POST" && request.head.path == "/classify")
            #expect(request.head.header("X-Deadline-Ms") == "250")
            #expect(request.parts.first?.withBytes { Array($0) } == Array("an image".utf8))
            switch index % 4 {
            case 0: responder.respond(Response(status: 429))
            case 1: responder.respond(ScriptedServer.classified(batch: 2))
            default: responder.respond(ScriptedServer.classified(batch: 3))
            }
        }
        let report = try LoadRun(plan(server, .open(rate: 400), duration: 0.1)).run()
        #expect(report.requests == 40)
        #expect(server.requests == 40)
        #expect(report.outcomes.mapValues(\.count) == ["200": 30, "429": 10])
        #expect(report.batchSizes == ["2": 10, "3": 20])
        #expect(report.unfinished == 0)
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let object = try #require(try JSONSerialization.jsonObject(with: encoder.encode(report)) as? [String: Any])
        #expect(object["rate"] as? Double == 400)
        #expect(object["requests"] as? Int == 40)
        #expect(object["batch_sizes"] as? [String: Int] == ["2": 10, "3": 20])
        let outcomes = try #require(object["outcomes"] as? [String: [String: Any]])
        #expect(outcomes["429"]?["count"] as? Int == 10)
        #expect((outcomes["200"]?["latency_ms"] as? [String: Double])?["p99"] ?? 0 > 0)
        let timeline = try #require(object["timeline"] as? [[String: Any]])
        #expect(timeline.reduce(0) { $0 + ($1["sent"] as? Int ?? 0) } == 40)
        #expect(timeline.reduce(0) { $0 + (($1["outcomes"] as? [String: Int])?["200"] ?? 0) } == 30)
    }

    @Test("clients in a loop send the next request when the last one is answered")
    func closed() throws {
        let inFlight = Locked((now: 0, most: 0))
        let server = try ScriptedServer { _, _, responder in
            inFlight.update {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            DispatchQueue.global().async {
                usleep(5000)
                inFlight.update { $0.now -= 1 }
                responder.respond(ScriptedServer.classified(batch: 1))
            }
        }
        let report = try LoadRun(plan(server, .closed(clients: 3), duration: 0.2)).run()
        #expect(report.clients == 3)
        #expect(report.rate == nil)
        #expect(report.requests == server.requests)
        #expect(report.requests >= 3)
        #expect(inFlight.value.most <= 3)
        #expect(report.outcomes["200"]?.count == report.requests)
    }

    @Test("an answer that does not come in time is a timeout")
    func timeout() throws {
        let held = Locked<[Responder]>([])
        let server = try ScriptedServer { _, _, responder in held.update { $0.append(responder) } }
        let report = try LoadRun(plan(server, .open(rate: 50), duration: 0.1, timeout: .milliseconds(500))).run()
        #expect(report.outcomes.mapValues(\.count) == ["timeout": 5])
        #expect(!report.hasAnswers)
        #expect(report.throughput == 0)
        held.update { $0 = [] }
    }

    @Test("a server that goes away is counted, not hidden")
    func goneAway() throws {
        let server = try ScriptedServer { _, _, responder in responder.respond(ScriptedServer.classified(batch: 1)) }
        let plan = try plan(server, .open(rate: 50), duration: 0.1)
        server.server.stop()
        let report = try LoadRun(plan).run()
        #expect(report.outcomes.mapValues(\.count) == ["connection refused": 5])
        #expect(throws: LoadError.self) { try plan.target.reach(timeout: .seconds(60)) }
    }

    @Test("some clients leave after sending")
    func leaving() throws {
        let server = try ScriptedServer { _, request, responder in
            DispatchQueue.global().async { responder.respond(ScriptedServer.classified(batch: 1)) }
        }
        let report = try LoadRun(plan(server, .open(rate: 200), duration: 0.1) { $0.leave = 0.25 }).run()
        #expect(report.requests == 20)
        #expect(report.left == 5)
        #expect(report.outcomes["200"]?.count == 15)
        #expect(eventually { server.requests == 20 }, "who leaves has sent everything")
    }

    @Test("slow connections drip until the server has enough, beside normal requests; stopping ends the run with its report")
    func slow() throws {
        let server = try ScriptedServer(
            configure: { $0.receiveTimeout = .milliseconds(500) },
            answer: { _, _, responder in responder.respond(ScriptedServer.classified(batch: 1)) })
        let run = try LoadRun(plan(server, .open(rate: 10), duration: 3600) { $0.slow = 4 })
        let ended = Locked<Result<LoadReport, any Error>?>(nil)
        Thread.detachNewThread { ended.update { $0 = Result { try run.run() } } }
        #expect(eventually { run.recorder.read { $0.slow[.status(408)]?.totalCount ?? 0 } >= 5 })
        #expect(run.stop())
        #expect(!run.stop(), "once is enough")
        #expect(eventually { ended.value != nil })
        let report = try #require(ended.value).get()
        let slow = try #require(report.slowConnections?["408"], "\(report)")
        #expect(slow.count >= 5)
        #expect(slow.latencyMs.minimum >= 499)
        #expect(report.outcomes["200"]?.count ?? 0 > 0)
        #expect(report.seconds < 3600)
    }
}
