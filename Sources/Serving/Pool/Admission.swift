/// Decides at once whether a request may wait, from what the work before it is known to take.
struct Admission: Sendable {
    let lanes: Int
    let largestBatch: Int
    /// The most inputs of one model that may wait; nil for what a second of measured throughput clears.
    let queue: Int?

    init(_ options: EnginePool.Options) {
        lanes = options.sessions
        largestBatch = options.largestBatch
        queue = options.queue
    }

    /// At so many waiting inputs of a model no more requests are accepted. By default what a second clears, but no less than fills a batch
    /// of each lane.
    func limit(_ cost: ModelCost) -> Int { queue ?? max(Int(cost.throughput(lanes: lanes)), lanes * largestBatch) }

    /// The same for requests of a priority: half for the low one, so that there is room for others.
    func limit(_ cost: ModelCost, _ priority: Priority) -> Int {
        switch priority {
        case .normal: limit(cost)
        case .low: max(1, limit(cost) / 2)
        }
    }

    /// Seconds until all lanes together are done with `backlog` seconds of one lane's work.
    func clearance(_ backlog: Double) -> Double { backlog / Double(lanes) }

    /// Why inputs may not wait; nil if they may.
    ///
    /// A request is taken whole or not at all, while there is room for one input: the last one may go over the limit.
    ///
    /// - Parameters:
    ///   - cost: of their model.
    ///   - waiting: inputs of the same model that wait.
    ///   - backlog: seconds that one lane would take for all work that was accepted and goes before.
    ///   - decoding: seconds until the images are decoded, once it is their turn.
    func refusal(
        images: Int, priority: Priority = .normal, cost: ModelCost, waiting: Int, backlog: Double, decoding: Double = 0,
        remaining: Duration?
    ) -> InferenceError? {
        guard waiting < limit(cost, priority) else { return .overloaded(retryAfter: .seconds(clearance(backlog))) }
        guard let remaining else { return nil }
        let completion = ModelCost.margin * (clearance(backlog) + decoding) + cost.expectedRun(images: images).seconds
        return completion <= remaining.seconds ? nil : .deadlineTooSoon(retryAfter: .seconds(completion - remaining.seconds))
    }
}
