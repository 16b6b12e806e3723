import HTTPServer
import LoadTesting
import Logging
import Service
import Serving
import Threads

/// A model served to this program alone, on the loopback: to be measured as clients see it.
final class LoopbackServer {
    private let pool: EnginePool
    private let server: Server
    private let record = Record()

    /// What became of the requests.
    private final class Record: Sendable {
        let served = Mutex<[MeasuredCosts.Served]>([])

        func add(_ request: CompletedRequest) {
            guard let image = (request.context as? RequestSummary)?.first else { return }
            let (run, decode) = (image.inference.seconds, image.decode.seconds)
            let transit = request.duration.seconds - run - decode - image.queue.seconds
            served.withLock { $0.append(.init(images: image.batchSize, run: run, decode: decode, transit: transit)) }
        }
    }

    /// - Throws: `ModelError.engine` if memory or threads cannot be had, `ServerError` if no socket can be.
    init(_ model: Model, options: EnginePool.Options) throws {
        let (metrics, readiness) = (Metrics(), Readiness())
        pool = try EnginePool(models: [model], options: options, metrics: metrics)
        readiness.pool = pool
        readiness.becomeReady()
        let gateway = Gateway(
            Dialect.all(deadlines: Deadlines(), readiness: readiness, metrics: metrics, page: .none), readiness: readiness)
        let log = RequestLog(gateway, logger: Logger(label: "tune") { _ in SwiftLogNoOpLogHandler() }, metrics: metrics)
        let record = record
        var configuration = ServerConfiguration()
        configuration.port = 0
        do {
            server = try Server(
                configuration: configuration, render: gateway.render, refusal: gateway.refusal, handle: gateway.handle,
                completed: { request in
                    log.completed(request)
                    record.add(request)
                })
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
        let report = try load(files, .closed(clients: clients), seconds)
        return Double(report.latencies?.totalCount ?? 0) / report.lastAnswerSeconds
    }

    /// What serving takes of requests that come at random.
    ///
    /// - Parameters:
    ///   - files: the images' paths.
    ///   - rate: requests a second.
    /// - Throws: `LoadError` if an image cannot be read, or nothing is answered.
    func costs(files: [String], rate: Double, seconds: Double) throws -> [MeasuredCosts.Served] {
        record.served.withLock { $0 = [] }
        _ = try load(files, .open(rate: rate, isRandom: true), seconds)
        return record.served.withLock { $0 }
    }

    private func load(_ files: [String], _ arrival: LoadPlan.Arrival, _ seconds: Double) throws -> LoadReport {
        let target = try LoadTarget("http://127.0.0.1:\(server.port)", query: [], headers: [])
        let report = try LoadRun(
            LoadPlan(
                target: target, payload: try LoadPayload(files: files, form: nil), arrival: arrival, duration: seconds, connections: 256,
                timeout: .seconds(60))
        ).run()
        guard report.latencies != nil, report.lastAnswerSeconds > 0 else { throw LoadError("the server on the loopback answered nothing") }
        return report
    }
}
