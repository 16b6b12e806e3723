import HTTPServer
import LoadTesting
import Logging
import Service
import Serving

/// A model served to this program alone, on the loopback: to be measured as clients see it.
final class LoopbackServer {
    private let pool: EnginePool
    private let server: Server

    /// - Throws: `ModelError.engine` if memory or threads cannot be had, `ServerError` if no socket can be.
    init(_ model: Model, options: EnginePool.Options) throws {
        let (metrics, readiness) = (Metrics(), Readiness())
        pool = try EnginePool(models: [model], options: options, metrics: metrics)
        readiness.pool = pool
        readiness.becomeReady()
        let gateway = Gateway(
            Dialect.all(deadlines: Deadlines(), readiness: readiness, metrics: metrics, page: .none), readiness: readiness)
        let log = RequestLog(gateway, logger: Logger(label: "tune") { _ in SwiftLogNoOpLogHandler() }, metrics: metrics)
        var configuration = ServerConfiguration()
        configuration.port = 0
        do {
            server = try Server(
                configuration: configuration, render: gateway.render, refusal: gateway.refusal, handle: gateway.handle,
                completed: log.completed)
        } catch {
            pool.close()
            throw error
        }
    }

    deinit {
        server.stop()
        pool.close()
    }

    /// Requests a second that clients get through which each send the next image when the last one is answered.
    ///
    /// - Parameter files: the images' paths.
    /// - Throws: `LoadError` if an image cannot be read, or nothing is answered.
    func throughput(files: [String], clients: Int, seconds: Double) throws -> Double {
        let target = try LoadTarget("http://127.0.0.1:\(server.port)", query: [], headers: [])
        let plan = LoadPlan(
            target: target, payload: try LoadPayload(files: files, form: nil), arrival: .closed(clients: clients), duration: seconds,
            connections: clients, timeout: .seconds(60))
        let report = try LoadRun(plan).run()
        guard let answered = report.latencies?.totalCount, report.lastAnswerSeconds > 0 else {
            throw LoadError("the server on the loopback answered nothing")
        }
        return Double(answered) / report.lastAnswerSeconds
    }
}
