/// Decides at once whether a request may wait, from what the work before it is known to take.
struct Admission {
    /// Seconds that a lane is busy for.
    struct Cost {
        /// With one image alone.
        var alone: Double
        /// With each image of the batches that form; follows what is measured.
        var each: Double
    }

    /// How much of a new measurement counts.
    private static let weight = 0.2
    /// Predictions are lengthened by this much: to have accepted too much breaks a promise, to have refused a little costs little.
    static let margin = 1.4

    let lanes: Int
    let largestBatch: Int
    /// The most images of one model that may wait; nil for what a second of measured throughput clears.
    let queue: Int?
    private(set) var costs: [Cost]

    init(models: Int, options: EnginePool.Options) {
        lanes = options.sessions
        largestBatch = options.largestBatch
        queue = options.queue
        costs = Array(repeating: Cost(alone: 0, each: 0), count: models)
    }

    /// What one image took when nothing had been measured yet. The lane that was slowest counts.
    mutating func begin(model: Int, seconds: Double) {
        let slowest = max(costs[model].alone, seconds)
        costs[model] = Cost(alone: slowest, each: slowest)
    }

    mutating func measured(model: Int, images: Int, seconds: Double) {
        let each = seconds / Double(images)
        costs[model].each += Self.weight * (each - costs[model].each)
        if images == 1 { costs[model].alone += Self.weight * (each - costs[model].alone) }
    }

    /// Images a second of a model that all lanes together get through.
    func throughput(model: Int) -> Double { costs[model].each > 0 ? Double(lanes) / costs[model].each : 0 }

    /// At so many waiting images of a model no more requests are accepted. By default what a second clears, but no less than fills a batch
    /// of each lane.
    func limit(model: Int) -> Int { queue ?? max(Int(throughput(model: model)), lanes * largestBatch) }

    /// Seconds until a model's images are done that come after `backlog` seconds of a lane's work.
    func completion(model: Int, images: Int, backlog: Double) -> Double {
        Self.margin * backlog / Double(lanes) + run(model: model, images: images).seconds
    }

    /// How long a lane is expected to be busy with a batch.
    func run(model: Int, images: Int) -> Duration {
        .seconds(Self.margin * max(costs[model].alone, costs[model].each * Double(images)))
    }

    /// Why images may not wait; nil if they may.
    ///
    /// A request is taken whole or not at all, while there is room for one image: the last one may go over the limit.
    ///
    /// - Parameters:
    ///   - waiting: images of the same model that wait.
    ///   - backlog: seconds that one lane would take for all work that was accepted.
    func refusal(model: Int, images: Int, waiting: Int, backlog: Double, remaining: Duration?) -> ClassificationError? {
        guard waiting < limit(model: model) else { return .overloaded(retryAfter: .seconds(backlog / Double(lanes))) }
        guard let remaining else { return nil }
        let completion = completion(model: model, images: images, backlog: backlog)
        return completion <= remaining.seconds ? nil : .deadlineTooSoon(retryAfter: .seconds(completion - remaining.seconds))
    }
}
