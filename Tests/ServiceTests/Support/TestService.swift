import Foundation
import HTTPServer
import Logging
import Testing

@testable import Service
@testable import Serving

/// The routes behind a real socket on a free port, without the command line.
final class TestService {
    let readiness = Readiness()
    let metrics = Metrics()
    let gateway: Gateway
    let server: Server
    let pool: EnginePool
    let tracer: Tracer?

    static let tiny = Result { try TinyModel().load() }
    static let other = Result { try TinyModel(tag: "other", classes: 7).load() }

    /// - Parameters:
    ///   - phase: where the server is in its life; while it loads there is no pool.
    ///   - dialects: spoken beside `/classify`.
    ///   - store: what is served; two tiny models where there is none.
    init(
        _ phase: Readiness.Phase = .ready, deadlines: Deadlines = .init(), dialects: [Dialect] = [], origins: AllowedOrigins = .init(),
        keys: APIKeys? = nil, cache: Int? = nil, tracing: [String: String] = [:], page: PageContent = .full, store: ModelStore? = nil,
        isAdministered: Bool = false,
        options change: (inout EnginePool.Options) -> Void = { _ in },
        configure: (inout ServerConfiguration) -> Void = { _ in }
    ) throws {
        var options = EnginePool.Options(threads: 1)
        // Not what a second clears: that depends on how busy the machine is.
        options.queue = 100
        change(&options)
        if let store {
            pool = store.pool
        } else {
            pool = try EnginePool(models: [Self.tiny.get(), Self.other.get()], options: options, metrics: metrics)
        }
        if phase != .loading { readiness.store = store ?? ModelStore(serving: pool) }
        readiness.phase = phase
        var configuration = ServerConfiguration()
        configuration.port = 0
        configure(&configuration)
        let metrics = metrics
        let hasAdminPort = configuration.adminPort != nil
        let gateway = Gateway(
            Dialect.all(
                deadlines: deadlines, readiness: readiness, metrics: metrics, asksForKeys: keys != nil, isAdministered: isAdministered,
                page: page, hasAdminPort: hasAdminPort) + dialects,
            readiness: readiness, origins: origins, keys: keys,
            cache: cache.map { InferenceCache(limit: $0, metrics: metrics) }, hasAdminPort: hasAdminPort)
        configuration.probePaths = gateway.routinePaths
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        tracer = try TracingConfiguration(environment: tracing).map { try Tracer($0, metrics: metrics, logger: logger) }
        let log = RequestLog(gateway, logger: logger, metrics: metrics, tracer: tracer)
        self.gateway = gateway
        server = try Server(
            configuration: configuration, render: gateway.render, refusal: gateway.refusal, handle: gateway.handle,
            completed: log.completed)
    }

    deinit {
        server.stop()
        tracer?.close(within: .zero)
        pool.close()
    }

    /// Serves one more.
    func add(_ model: Model) throws {
        try pool.add(model)
        readiness.store = ModelStore(serving: pool)
    }

    /// - Parameter port: another than the main one.
    func ask(_ method: String, _ target: String, headers: [String] = [], body: [UInt8]? = nil, port: UInt16? = nil) throws -> HTTPAnswer {
        let client = try HTTPClient(port: port ?? server.port)
        client.send(method, target, headers: headers, body: body)
        return try client.read()
    }

    func get(_ target: String) throws -> HTTPAnswer { try ask("GET", target) }

    func post(_ target: String, _ body: [UInt8]) throws -> HTTPAnswer { try ask("POST", target, body: body) }

    func post(headers: [String] = [], _ body: [UInt8]) throws -> HTTPAnswer { try ask("POST", "/classify", headers: headers, body: body) }

    func post(_ form: Form) throws -> HTTPAnswer { try post(headers: [Form.header], form.body) }

    /// Keeps the only decoder from going on until the gate is opened.
    func holdDecoder() throws -> Gate {
        let gate = Gate()
        pool.submit(InferenceRequest(inputs: [.image(HeldImage(bytes: try TestImages.jpeg(), gate: gate))], model: try Self.tiny.get())) {
            _ in
        }
        #expect(eventually { waiting == 0 })
        return gate
    }

    /// The same, and lets one more image wait.
    func holdDecoderAndQueue() throws -> Gate {
        let gate = try holdDecoder()
        pool.submit(InferenceRequest(inputs: [.image(try TestImages.jpeg())], model: try Self.tiny.get())) { _ in }
        return gate
    }

    /// Images that wait for the first model.
    var waiting: Int { pool.monitor.withLock { state in state.models.all.first?.waiting.count ?? 0 } }
}

extension HTTPAnswer {
    /// The predictions of an answer for one image, or of one entry.
    static func predictions(_ entry: [String: Any]) -> [[String: Any]] { entry["predictions"] as? [[String: Any]] ?? [] }
    var predictions: [[String: Any]] { Self.predictions(json) }
    var results: [[String: Any]] { json["results"] as? [[String: Any]] ?? [] }
}

/// Checks that an answer is an error as RFC 9457 has it.
func expectProblem(_ answer: HTTPAnswer, _ status: Int, code: String, location: SourceLocation = #_sourceLocation) {
    #expect(answer.status == status, "\(answer.text)", sourceLocation: location)
    #expect(answer.header("Content-Type") == "application/problem+json", sourceLocation: location)
    expectProblem(answer.json, status, code: code, location: location)
}

/// The same for the error of one of several images.
func expectProblem(_ problem: [String: Any], _ status: Int, code: String, location: SourceLocation = #_sourceLocation) {
    #expect(Set(problem.keys) == ["status", "title", "detail", "code"], sourceLocation: location)
    #expect(problem["status"] as? Int == status, sourceLocation: location)
    #expect(problem["code"] as? String == code, sourceLocation: location)
    #expect((problem["title"] as? String)?.isEmpty == false, sourceLocation: location)
    #expect((problem["detail"] as? String)?.isEmpty == false, sourceLocation: location)
}
