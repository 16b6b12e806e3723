import Foundation
import HTTPServer
import Logging
import SENet
import ServiceLifecycle
import Serving
import UnixSignals

/// The server's life: it listens at once, so that probes are answered while models load; it serves; it drains.
struct ClassifierService: Service {
    let options: Serve
    let folders: [String]
    let logger: Logger

    func run() async throws {
        let metrics = Metrics()
        let state = ServerState()
        metrics.declareProcess()
        let log = RequestLog(logger: logger, metrics: metrics)
        let routes = Routes(state: state, metrics: metrics, deadlines: options.deadlines)
        let server = try Server(
            configuration: options.serverConfiguration, admit: routes.admit, handle: routes.handle, completed: log.completed)
        metrics.declare(server, state)
        logger.info("listening", metadata: ["host": .string(options.host), "port": .stringConvertible(Int(server.port))])
        let isLoaded: Bool
        do {
            isLoaded = try await cancelWhenGracefulShutdown { try await onThread("loader") { try load(state, metrics) } }
            if isLoaded { try await gracefulShutdown() }
        } catch {
            server.stop()
            state.pool?.close()
            throw error
        }
        try await shutDown(server, state, log)
        // Loading cannot be stopped half-way: the process ends under it.
        if !isLoaded { _exit(EXIT_SUCCESS) }
    }

    private func load(_ state: ServerState, _ metrics: Metrics) throws {
        let threads = options.threadOptions.threads
        let info = metrics.gauge(
            "excite_model_info", help: "1 for each model that is served.", labels: ["model", "architecture", "instruction_set"])
        var models: [Model] = []
        for folder in folders {
            let started = ContinuousClock.now
            let model = try Model(options.imageOptions.source(ModelSource(folder: folder)), threads: threads)
            guard !models.contains(where: { $0.name == model.name }) else {
                throw ModelError.configuration("\(folder): a model named '\(model.name)' is served already")
            }
            info.set([model.name, model.source.configuration.name, model.plan.instructionSet], to: 1)
            logger.info(
                "loaded",
                metadata: [
                    "model": .string(model.name), "classes": .stringConvertible(model.plan.classes),
                    "input": .string(model.plan.inputShape.description), "instruction_set": .string(model.plan.instructionSet),
                    "seconds": .stringConvertible((ContinuousClock.now - started).seconds.rounded(decimals: 3)),
                ])
            models.append(model)
        }
        let pool = try EnginePool(models: models, options: options.poolOptions, metrics: metrics)
        state.pool = pool
        if let failure = try pool.selfTest() {
            state.phase = .failed(failure)
            logger.critical("the self-test failed", metadata: ["reason": .string(failure)])
            return
        }
        state.becomeReady()
        logger.info(
            "ready",
            metadata: [
                "threads": .stringConvertible(threads), "max_batch": .stringConvertible(options.maxBatch),
                "queue": .stringConvertible(options.queueLimit.map { "\($0)" } ?? "a second's work"),
            ])
    }

    /// Readiness goes first, then the socket, then the accepted requests, then the engine.
    private func shutDown(_ server: Server, _ state: ServerState, _ log: RequestLog) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint)
        let interrupts = Task {
            for await _ in signals { _exit(130) }
        }
        defer { interrupts.cancel() }
        state.phase = .draining
        logger.info("draining", metadata: ["delay_s": .stringConvertible(options.drainDelay)])
        // Graceful shutdown does not cancel tasks: the pause is kept.
        try await Task.sleep(for: .seconds(options.drainDelay))
        _ = try await onThread("drain") {
            server.stopAccepting()
            let isDrained = server.drain(timeout: .seconds(options.drainTimeout))
            if !isDrained {
                logger.warning("requests were left unanswered", metadata: ["after_s": .stringConvertible(options.drainTimeout)])
            }
            server.stop()
            if isDrained { state.pool?.close() }
        }
        log.flush()
        logger.info("stopped")
    }
}

/// Runs what blocks on a thread of its own: it would starve the tasks of the cooperative pool.
///
/// - Returns: whether it is done: where the task is cancelled, the thread goes on by itself.
private func onThread(_ name: String, _ body: @escaping @Sendable () throws -> Void) async throws -> Bool {
    let (outcomes, outcome) = AsyncThrowingStream.makeStream(of: Void.self)
    let thread = Thread {
        do {
            try body()
            outcome.yield()
            outcome.finish()
        } catch {
            outcome.finish(throwing: error)
        }
    }
    thread.name = name
    thread.start()
    // A cancelled task's stream ends without an outcome.
    for try await _ in outcomes { return true }
    return false
}
