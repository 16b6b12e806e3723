import Glibc
import HTTPServer
import Logging
import SENet
import ServiceLifecycle
import Serving
import Threads
import UnixSignals

/// The server's life: it listens at once, so that probes are answered while models load; it serves; it drains.
package struct ClassifierService: ServiceLifecycle.Service {
    package struct Configuration: Sendable {
        package var models: ModelStore.Options
        /// Whether clients may have models loaded and unloaded.
        package var isAdministered: Bool
        package var pool: EnginePool.Options
        package var server: ServerConfiguration
        package var deadlines: Deadlines
        /// Whose pages may ask.
        package var origins: AllowedOrigins
        /// Nil where everybody may ask; read again at SIGHUP.
        package var keys: APIKeys?
        /// Bytes of the answers that are kept; nil where every image is run.
        package var cache: Int?
        /// Where the spans of requests go; nil where nothing is traced.
        package var tracing: TracingConfiguration?
        /// What there is at `/`.
        package var page: PageContent
        /// After the signal, how long new connections are still served, so that load balancers notice.
        package var drainDelay: Duration
        /// After that, how long accepted requests may take.
        package var drainTimeout: Duration

        package init(
            models: ModelStore.Options, isAdministered: Bool = false,
            pool: EnginePool.Options, server: ServerConfiguration, deadlines: Deadlines = Deadlines(),
            origins: AllowedOrigins = AllowedOrigins(), keys: APIKeys? = nil, cache: Int? = nil,
            tracing: TracingConfiguration? = nil, page: PageContent = .full, drainDelay: Duration = .zero,
            drainTimeout: Duration = .seconds(30)
        ) {
            self.models = models
            self.isAdministered = isAdministered
            self.pool = pool
            self.server = server
            self.deadlines = deadlines
            self.origins = origins
            self.keys = keys
            self.cache = cache
            self.tracing = tracing
            self.page = page
            self.drainDelay = drainDelay
            self.drainTimeout = drainTimeout
        }
    }

    private let configuration: Configuration
    private let logger: Logger
    private let logWriter: LogWriter

    package init(_ configuration: Configuration, logger: Logger, logWriter: LogWriter) {
        self.configuration = configuration
        self.logger = logger
        self.logWriter = logWriter
    }

    package func run() async throws {
        let metrics = Metrics()
        let readiness = Readiness()
        metrics.declareProcess(logWriter)
        let hasAdminPort = configuration.server.adminPort != nil
        let gateway = Gateway(
            Dialect.all(
                deadlines: configuration.deadlines, readiness: readiness, metrics: metrics, asksForKeys: configuration.keys != nil,
                isAdministered: configuration.isAdministered, page: configuration.page, hasAdminPort: hasAdminPort),
            readiness: readiness, origins: configuration.origins, keys: configuration.keys,
            cache: configuration.cache.map { InferenceCache(limit: $0, metrics: metrics) }, hasAdminPort: hasAdminPort)
        let tracer = try configuration.tracing.map { try Tracer($0, metrics: metrics, logger: logger) }
        let log = RequestLog(gateway, logger: logger, metrics: metrics, tracer: tracer)
        var http = configuration.server
        http.probePaths = gateway.routinePaths
        let server = try Server(
            configuration: http, render: gateway.render, refusal: gateway.refusal, handle: gateway.handle,
            completed: log.completed)
        metrics.declare(server, readiness)
        var place: Logger.Metadata = ["tls": .string(http.tls == nil ? "no" : "yes"), "port": .stringConvertible(Int(server.port))]
        if !http.inheritedSockets.isEmpty {
            place["inherited_sockets"] = .stringConvertible(http.inheritedSockets.count)
        } else if let path = http.socketPath {
            place["socket"] = .string(path)
        } else {
            place["host"] = .string(http.host)
        }
        if let port = server.probePort { place["probe_port"] = .stringConvertible(Int(port)) }
        if let port = server.adminPort { place["admin_port"] = .stringConvertible(Int(port)) }
        logger.info("listening", metadata: place)
        let hangUps = await UnixSignalsSequence(trapping: .sighup)
        let reloading = Task {
            for await _ in hangUps { reload(readiness) }
        }
        defer { reloading.cancel() }
        let isLoaded: Bool
        do {
            isLoaded = try await cancelWhenGracefulShutdown { try await onThread("loader") { try load(readiness, metrics) } }
            if isLoaded { try await gracefulShutdown() }
        } catch {
            server.stop()
            readiness.store?.close()
            throw error
        }
        try await shutDown(server, readiness, log, tracer)
        // Loading cannot be stopped half-way: the process ends under it.
        if !isLoaded { _exit(EXIT_SUCCESS) }
    }

    /// What SIGHUP does: files that may have changed are read again.
    private func reload(_ readiness: Readiness) {
        readiness.store?.rescan()
        guard let keys = configuration.keys else { return }
        do {
            let count = try keys.reload()
            logger.info("the keys were read again", metadata: ["keys": .stringConvertible(count)])
        } catch {
            logger.error("the keys stay as they were", metadata: ["reason": .string("\(error)")])
        }
    }

    private func load(_ readiness: Readiness, _ metrics: Metrics) throws {
        var options = configuration.pool
        options.isTrustedClient = configuration.server.isTrusted
        let pool = try EnginePool(models: [], options: options, metrics: metrics)
        let store = ModelStore(configuration.models, pool: pool, metrics: metrics) { [logger] event in
            logger.report(event)
            if case .loaded = event { readiness.recover() }
        }
        readiness.store = store
        if let failure = try store.start() {
            readiness.phase = .failed(failure)
            logger.critical("the self-test failed", metadata: ["reason": .string(failure)])
            return
        }
        readiness.becomeReady()
        logger.info(
            "ready",
            metadata: [
                "models": .stringConvertible(store.names.count), "threads": .stringConvertible(options.threads),
                "max_batch": .stringConvertible(configuration.pool.largestBatch),
                "queue": .stringConvertible(configuration.pool.queue.map { "\($0)" } ?? "a second's work"),
            ])
    }

    /// Readiness goes first, then the socket, then the accepted requests, then the engine.
    private func shutDown(_ server: Server, _ readiness: Readiness, _ log: RequestLog, _ tracer: Tracer?) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint)
        let interrupts = Task {
            for await _ in signals { _exit(130) }
        }
        defer { interrupts.cancel() }
        readiness.phase = .draining
        logger.info("draining", metadata: ["delay_s": .stringConvertible(configuration.drainDelay.seconds)])
        // Graceful shutdown does not cancel tasks: the pause is kept.
        try await Task.sleep(for: configuration.drainDelay)
        let timeout = configuration.drainTimeout
        _ = try await onThread("drain") {
            server.stopAccepting()
            let isDrained = server.drain(timeout: timeout)
            if !isDrained { logger.warning("requests were left unanswered", metadata: ["after_s": .stringConvertible(timeout.seconds)]) }
            server.stop()
            tracer?.close(within: .seconds(2))
            if isDrained { readiness.store?.close() }
        }
        log.flush()
        logger.info("stopped")
        logWriter.flush(within: .seconds(1))
    }
}

/// Runs what blocks on a thread of its own: it would starve the tasks of the cooperative pool.
///
/// - Returns: whether it is done: where the task is cancelled, the thread goes on by itself.
private func onThread(_ name: String, _ body: @escaping @Sendable () throws -> Void) async throws -> Bool {
    let (outcomes, outcome) = AsyncThrowingStream.makeStream(of: Void.self)
    try WorkerThread(name) {
        do {
            try body()
            outcome.yield()
            outcome.finish()
        } catch {
            outcome.finish(throwing: error)
        }
    }.detach()
    // A cancelled task's stream ends without an outcome.
    for try await _ in outcomes { return true }
    return false
}
