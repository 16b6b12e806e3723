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
        declareProcessMetrics(metrics)
        let log = RequestLog(logger: logger, metrics: metrics)
        let routes = Routes(state: state, metrics: metrics, deadline: options.deadline > 0 ? .milliseconds(options.deadline) : nil)
        let server = try Server(
            configuration: options.serverConfiguration, admit: routes.admit, handle: routes.handle, completed: log.completed)
        metrics.declare(.gauge, "excite_requests_in_flight", help: "Requests begun and not yet answered in full.") { [weak server] in
            Double(server?.statistics.unfinishedRequests ?? 0)
        }
        logger.info("listening", metadata: ["host": .string(options.host), "port": .stringConvertible(Int(server.port))])
        do {
            try await onThread("loader") { try load(state, metrics) }
            try await gracefulShutdown()
        } catch {
            server.stop()
            state.pool?.close()
            throw error
        }
        try await shutDown(server, state)
    }

    private func load(_ state: ServerState, _ metrics: Metrics) throws {
        let threads = options.threadOptions.threads
        var models: [Model] = []
        for folder in folders {
            let started = ContinuousClock.now
            let model = try Model(options.imageOptions.source(ModelSource(folder: folder)), threads: threads)
            guard !models.contains(where: { $0.name == model.name }) else {
                throw ModelError.configuration("\(folder): a model named '\(model.name)' is served already")
            }
            metrics.set("excite_model_info", [model.name, model.source.configuration.name, model.plan.instructionSet], to: 1)
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
                "queue": .stringConvertible(options.queue),
            ])
    }

    /// Readiness goes first, then the socket, then the accepted requests, then the engine.
    private func shutDown(_ server: Server, _ state: ServerState) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint)
        let interrupts = Task {
            for await _ in signals { _exit(130) }
        }
        defer { interrupts.cancel() }
        state.phase = .draining
        logger.info("draining", metadata: ["delay_s": .stringConvertible(options.drainDelay)])
        // Graceful shutdown does not cancel tasks: the pause is kept.
        try await Task.sleep(for: .seconds(options.drainDelay))
        try await onThread("drain") {
            server.stopAccepting()
            let isDrained = server.drain(timeout: .seconds(options.drainTimeout))
            if !isDrained {
                logger.warning("requests were left unanswered", metadata: ["after_s": .stringConvertible(options.drainTimeout)])
            }
            server.stop()
            if isDrained { state.pool?.close() }
        }
        logger.info("stopped")
    }

    private func declareProcessMetrics(_ metrics: Metrics) {
        metrics.declare(.gauge, "excite_build_info", help: "1, labelled with the version.", labels: ["version"])
        metrics.set("excite_build_info", [Excite.version], to: 1)
        metrics.declare(
            .gauge, "excite_model_info", help: "1 for each model that is served.", labels: ["model", "architecture", "instruction_set"])
        metrics.declare(.gauge, "excite_cpus", help: "CPUs that this process may use: CPU set and cgroup quota.") {
            Double(ProcessorCount.available)
        }
        metrics.declare(.counter, "excite_cpu_throttled_periods_total", help: "Periods in which the cgroup's CPU quota was used up.") {
            Double(ProcessStatus.throttledPeriods)
        }
        metrics.declare(.gauge, "process_resident_memory_bytes", help: "Memory in RAM.") { Double(ProcessStatus.residentBytes) }
        metrics.declare(.gauge, "process_threads", help: "Threads of the process.") { Double(ProcessStatus.threads) }
    }
}

/// Runs what blocks on a thread of its own: it would starve the tasks of the cooperative pool.
private func onThread(_ name: String, _ body: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        let thread = Thread { continuation.resume(with: Result { try body() }) }
        thread.name = name
        thread.start()
    }
}
