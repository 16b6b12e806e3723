import Foundation
import Testing
import Threads

@testable import HTTPServer
@testable import Service
@testable import Serving

/// What stands at an OTLP endpoint.
private final class Collector: Sendable {
    typealias Span = [String: Any]
    private struct Post {
        var head: RequestHead
        var body: [UInt8]
    }

    private let posts = Monitor<[Post]>([])
    private let status: Monitor<Int>
    /// What a stalled collector owes an answer.
    private let owed = Monitor<[Responder]>([])
    let server: Server

    init(status: Int = 200, stall: Bool = false) throws {
        let (posts, owed, answers) = (posts, owed, Monitor(status))
        self.status = answers
        var configuration = ServerConfiguration()
        configuration.port = 0
        server = try Server(
            configuration: configuration, render: { refusal, _ in Response(status: refusal.status) }, refusal: { _ in nil },
            handle: { request, responder in
                posts.withLock { $0.append(Post(head: request.head, body: request.parts.first?.withBytes { Array($0) } ?? [])) }
                if stall { return owed.withLock { $0.append(responder) } }
                responder.respond(Response(status: answers.withLock { $0 }, contentType: "application/json", text: "{}"))
            }, completed: { _ in })
    }

    deinit {
        server.stop()
        owed.withLock { $0 = [] }
    }

    var environment: [String: String] { ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(server.port)"] }

    func answer(_ status: Int) { self.status.withLock { $0 = status } }

    var heads: [RequestHead] { posts.withLock { $0.map(\.head) } }

    /// All that came, as JSON.
    var bodies: [[String: Any]] {
        posts.withLock { $0.map(\.body) }.compactMap { (try? JSONSerialization.jsonObject(with: Data($0))) as? [String: Any] }
    }

    var spans: [Span] {
        bodies.flatMap { $0["resourceSpans"] as? [[String: Any]] ?? [] }.flatMap { $0["scopeSpans"] as? [[String: Any]] ?? [] }
            .flatMap { $0["spans"] as? [Span] ?? [] }
    }
}

private func attribute(_ span: [String: Any], _ name: String) -> String? {
    let entry = (span["attributes"] as? [[String: Any]])?.first { $0["key"] as? String == name }
    let value = entry?["value"] as? [String: Any]
    return value?["stringValue"] as? String ?? value?["intValue"] as? String
}

private func interval(_ span: [String: Any]) -> ClosedRange<UInt64>? {
    guard let start = (span["startTimeUnixNano"] as? String).flatMap({ UInt64($0) }),
        let end = (span["endTimeUnixNano"] as? String).flatMap({ UInt64($0) }), start <= end
    else { return nil }
    return start...end
}

@Suite("Tracing")
struct TracingTests {
    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test("sends a request's span and those of its stages, as children of the client's")
    func spans() throws {
        let collector = try Collector()
        let more = [
            "OTEL_SERVICE_NAME": "labels", "OTEL_RESOURCE_ATTRIBUTES": "deployment=a%20b,service.name=other",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-key=secret",
        ]
        let service = try TestService(tracing: collector.environment.merging(more) { $1 })
        #expect(try service.post(headers: ["traceparent: \(Self.parent)", "tracestate: a=b"], TestImages.jpeg()).status == 200)
        #expect(eventually { !collector.bodies.isEmpty })
        let head = try #require(collector.heads.first)
        #expect(head.method == "POST" && head.path == "/v1/traces" && head.header("x-key") == "secret")
        #expect(head.header("Content-Type") == "application/json")
        let resource = try #require((collector.bodies[0]["resourceSpans"] as? [[String: Any]])?.first?["resource"] as? [String: Any])
        #expect(attribute(resource, "service.name") == "labels" && attribute(resource, "deployment") == "a b")
        #expect(attribute(resource, "service.version") == Build.version)
        let spans = collector.spans
        #expect(spans.map { $0["name"] as? String } == ["POST /classify", "receive", "queue", "decode", "queue", "inference", "answer"])
        let root = try #require(spans.first)
        #expect(
            root["kind"] as? Int == 2 && root["parentSpanId"] as? String == "b7ad6b7169203331" && root["traceState"] as? String == "a=b")
        #expect(attribute(root, "http.response.status_code") == "200" && attribute(root, "http.route") == "/classify")
        #expect(attribute(root, "excite.model") == (try TestService.tiny.get().name) && root["status"] == nil)
        let whole = try #require(interval(root))
        // Now, and not at some other time.
        #expect(abs(Double(whole.upperBound) / 1e9 - Date.now.timeIntervalSince1970) < 600)
        var ids: Set<String> = []
        for span in spans {
            #expect(span["traceId"] as? String == "0af7651916cd43dd8448eb211c80319c")
            let id = try #require(span["spanId"] as? String)
            #expect(id.wholeMatch(of: /[0-9a-f]{16}/) != nil && ids.insert(id).inserted)
            let stretch = try #require(interval(span))
            #expect(whole.contains(stretch.lowerBound) && whole.contains(stretch.upperBound))
        }
        for span in spans.dropFirst() { #expect(span["parentSpanId"] as? String == root["spanId"] as? String && span["kind"] as? Int == 1) }
        // One stage after the other.
        let stages = spans.dropFirst().compactMap(interval)
        for (stage, next) in zip(stages, stages.dropFirst()) { #expect(stage.upperBound <= next.lowerBound) }
    }

    @Test("heeds what the client decided, and traces no probe")
    func sampled() throws {
        let collector = try Collector()
        let service = try TestService(tracing: collector.environment)
        let unsampled = Self.parent.dropLast(2) + "00"
        #expect(try service.post(headers: ["traceparent: \(unsampled)"], TestImages.jpeg()).status == 200)
        #expect(try service.get("/readyz").status == 200)
        #expect(try service.get("/nowhere").status == 404)
        try #require(service.tracer).close(within: .seconds(60))
        #expect(collector.spans.compactMap { $0["name"] as? String } == ["GET", "receive", "answer"])
        #expect(attribute(try #require(collector.spans.first), "error.type") == "not_found" && collector.spans[0]["parentSpanId"] == nil)
    }

    @Test("is off unless an endpoint is named")
    func off() throws {
        #expect(try TestService().tracer == nil)
        for environment in [
            ["OTEL_TRACES_SAMPLER": "always_on"], ["OTEL_EXPORTER_OTLP_ENDPOINT": ""],
            ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"],
            ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"],
        ] {
            #expect(try TracingConfiguration(environment: environment) == nil)
        }
    }

    @Test("a collector that fails for a while loses nothing; one that refuses does, which is counted")
    func failing() throws {
        let collector = try Collector(status: 503)
        let service = try TestService(tracing: collector.environment)
        #expect(try service.get("/v2").status == 200)
        #expect(eventually { !collector.heads.isEmpty })
        collector.answer(200)
        let exported = { try Exposition(service.metrics.render()).value("excite_traces_exported_total") }
        #expect(try eventually { try exported() == 1 })
        #expect(collector.heads.count > 1)
        collector.answer(400)
        #expect(try service.get("/v2").status == 200)
        let lost = { try Exposition(service.metrics.render()).value("excite_traces_dropped_total", ["reason": "export_failed"]) }
        #expect(try eventually { try lost() == 1 })
    }

    @Test("a collector that never answers holds up neither requests nor the end; what does not fit is dropped and counted")
    func stalled() throws {
        let collector = try Collector(stall: true)
        let service = try TestService(tracing: collector.environment)
        let tracer = try #require(service.tracer)
        #expect(try service.get("/v2").status == 200)
        #expect(eventually { !collector.heads.isEmpty })
        let request = CompletedRequest(
            head: try #require(collector.heads.first), id: "x", status: 200, delivered: true, bytesReceived: 0, bytesSent: 0,
            received: nil, duration: .zero, context: nil)
        for _ in 0..<3000 { _ = tracer.trace(request, route: "/v2", dialect: "test") }
        let dropped = try Exposition(service.metrics.render()).value("excite_traces_dropped_total", ["reason": "queue_full"])
        // 2,048 wait.
        #expect(dropped == 952)
        #expect(try service.post(TestImages.jpeg()).status == 200)
        tracer.close(within: .milliseconds(50))
    }

    @Test("what of the environment cannot be used is refused with the variable's name")
    func refused() {
        let base = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"]
        for (name, value) in [
            ("OTEL_TRACES_SAMPLER", "sometimes"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_HEADERS", "nothing"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=b%0d%0ac"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"), ("OTEL_RESOURCE_ATTRIBUTES", "a=%zz"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
        ] {
            #expect(throws: TracingError.self, "\(name)=\(value)") {
                try TracingConfiguration(environment: base.merging([name: value]) { $1 })
            }
        }
        #expect(throws: TracingError.self) { try TracingConfiguration(environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4317"]) }
        #expect(throws: TracingError.self) { try TraceSampler(name: "traceidratio", argument: "2") }
    }

    @Test("endpoints, the particular before the general")
    func endpoints() throws {
        func endpoint(_ environment: [String: String]) throws -> String? { try TracingConfiguration(environment: environment)?.endpoint }
        #expect(try endpoint(["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318"]) == "http://a:4318/v1/traces")
        #expect(try endpoint(["OTEL_EXPORTER_OTLP_ENDPOINT": "https://a/x/"]) == "https://a/x/v1/traces")
        let own = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b/t", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a"]
        #expect(try endpoint(own) == "http://b/t")
    }
}

@Suite("Trace context")
struct TraceContextTests {
    @Test(
        "takes what W3C has it to be, and nothing else",
        arguments: [
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes", true),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false),
            ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", false),
            ("00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01", false), ("", false), ("----", false),
            ("00-é0af7651916cd43dd8448eb211c8031-b7ad6b7169203331-01", false),
        ])
    func parse(text: String, isGood: Bool) {
        let context = TraceContext(traceparent: text)
        #expect((context != nil) == isGood)
        if let context { #expect(context.isSampled == text.contains("-01") && context.traceID.count == 16 && context.spanID.count == 8) }
    }

    @Test("a ratio takes about that many, and the same ones everywhere")
    func ratio() throws {
        let sampler = try TraceSampler(name: "parentbased_traceidratio", argument: "0.25")
        let ids = (0..<20_000).map { _ in TraceContext.randomID(16) }
        let count = ids.count { sampler.samples($0, parent: nil) }
        // Six standard deviations of the binomial distribution.
        #expect(abs(count - 5000) < 370)
        let larger = try TraceSampler(name: "traceidratio", argument: "0.5")
        #expect(ids.allSatisfy { !sampler.samples($0, parent: nil) || larger.samples($0, parent: nil) })
        let none = try TraceSampler(name: "parentbased_always_off", argument: nil)
        #expect(ids.allSatisfy { !none.samples($0, parent: nil) })
        let parent = try #require(TraceContext(traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
        #expect(none.samples(parent.traceID, parent: parent))
    }
}
