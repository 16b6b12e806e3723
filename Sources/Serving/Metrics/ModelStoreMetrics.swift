/// What a store of models counts.
struct ModelStoreMetrics {
    let loads: Counter
    let failures: Counter
    let evictions: Counter

    init(_ metrics: Metrics) {
        loads = metrics.counter("excite_model_loads_total", help: "Models loaded, tested and served.")
        failures = metrics.counter("excite_model_load_failures_total", help: "Models that could not be loaded or failed their self-test.")
        evictions = metrics.counter("excite_model_evictions_total", help: "Models unloaded for the memory that others needed.")
    }
}

extension ModelStore {
    /// What is looked up when it is asked for, of the models that are there then.
    func declareReadings(_ metrics: Metrics) {
        metrics.reading(
            .gauge, "excite_model_info", help: "1 for each model that is loaded.",
            labels: ["model", "architecture", "instruction_set", "precision"]
        ) { [weak self] in
            let samples = (self?.statuses ?? []).filter { $0.model != nil }.compactMap { status in
                status.facts.map { ([status.id.description, $0.architecture, $0.instructionSet, $0.precision.rawValue], 1.0) }
            }
            return Dictionary(samples) { first, _ in first }
        }
        metrics.reading(
            .gauge, "excite_model_state", help: "1 for the state that each model is in: loading, serving, failed or unloaded.",
            labels: ["model", "state"]
        ) { [weak self] in
            Dictionary((self?.statuses ?? []).map { ([$0.id.description, $0.state.rawValue], 1.0) }) { first, _ in first }
        }
        metrics.reading(.gauge, "excite_models_broken", help: "Models whose files on disk could not be loaded.") { [weak self] in
            self.map { Double($0.statuses.count { $0.error != nil }) }
        }
        metrics.reading(.gauge, "excite_model_memory_bytes", help: "Bytes of the weights that are loaded.") { [weak self] in
            self.map { Double($0.monitor.withLock { $0.weightBytes() }) }
        }
        metrics.reading(.gauge, "excite_model_memory_limit_bytes", help: "The most that may be; absent without a limit.") { [weak self] in
            self?.options.memory.map(Double.init)
        }
        metrics.reading(.gauge, "excite_model_waiting_requests", help: "Requests that wait for a model to be loaded.") { [weak self] in
            self.map { Double($0.monitor.withLock(\.waiters.count)) }
        }
    }
}
