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
        let served = Mutex(MeasuredCosts.Served())

        func add(_ request: CompletedRequest) {
            guard request.status == 200, let image = (request.context as? RequestSummary)?.first else {
                return served.withLock { $0.refused += 1 }
            }
            let (run, decode, latency) = (image.inference.seconds, image.decode.seconds, request.duration.seconds)
            let transit = latency - run - decode - image.queue.seconds
            served.withLock {
                $0.answers.append(.init(images: image.batchSize, run: run, decode: decode, transit: transit, latency: latency))
            }
        }
    }

    /// - Throws: `ModelError.engine` if memory or threads cannot be had, `ServerError` if no socket can be.
    init(_ model: Model, options: EnginePool.Options, deadline: Duration) throws {
        let (metrics, readiness) = (Metrics(), Readiness())
        pool = try EnginePool(models: [model], options: options, metrics: metrics)
        readiness.store = ModelStore(serving: pool)
        readiness.becomeReady()
        let gateway = Gateway(
            Dialect.all(deadlines: Deadlines(standard: deadline), readiness: readiness, metrics: metrics, page: .none), readiness: readiness
        )
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

    /// What is seen of requests that come at random.
    ///
    /// - Parameters:
    ///   - files: the images' paths.
    ///   - rate: requests a second.
    /// - Throws: `LoadError` if an image cannot be read, or nothing is answered.
    func serve(files: [String], rate: Double, seconds: Double) throws -> MeasuredCosts.Served {
        record.served.withLock { $0 = .init() }
        let target = try LoadTarget("http://127.0.0.1:\(server.port)", query: [], headers: [])
        let plan = LoadPlan(
            target: target, payload: try LoadPayload(files: files, form: nil), arrival: .open(rate: rate, isRandom: true),
            duration: seconds,
            connections: 512, timeout: .seconds(60))
        guard try LoadRun(plan).run().latencies != nil else { throw LoadError("the server on the loopback answered nothing") }
        return record.served.withLock { $0 }
    }
}
