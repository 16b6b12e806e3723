/// How soon which share of the requests is to be answered: a service level objective.
public struct LatencyObjective: Sendable, Equatable {
    /// Of all requests, from 0.5 to below 1: 0.99 for p99.
    public var share: Double
    public var limit: Duration

    public init(share: Double, limit: Duration) {
        self.share = share
        self.limit = limit
    }
}

/// What to serve a model with, so that it keeps an objective, and how many requests it then gets through.
public struct CapacityPlan: Sendable, Equatable {
    public var largestBatch: Int
    /// At so many waiting images more are refused.
    public var queue: Int
    /// Of requests that say none.
    public var deadline: Duration
    /// Requests a second that keep the objective, as simulated, and a little less.
    public var capacity: Double
    /// What requests are expected to see, at rates up to that.
    public var expected: [Forecast]
    /// The same at twice that rate, where admission has to refuse.
    public var overloaded: Forecast

    public struct Forecast: Sendable, Equatable {
        /// Requests a second.
        public var rate: Double
        /// Of those that are answered, in seconds.
        public var p50: Double
        public var p99: Double
        public var imagesPerBatch: Double
        public var answersPerSecond: Double
        /// Of all requests.
        public var refusedShare: Double

        init(_ outcome: PoolSimulation.Outcome, rate: Double) {
            self.rate = rate
            (p50, p99) = (outcome.latency(0.5), outcome.latency(0.99))
            imagesPerBatch = outcome.imagesPerBatch
            answersPerSecond = outcome.answersPerSecond
            refusedShare = Double(outcome.refused) / Double(max(1, outcome.refused + outcome.latencies.count))
        }
    }

    /// How many such instances a rate needs: each gets its share of what comes at random.
    public func replicas(rate: Double) -> Int { max(1, Int((rate / capacity).rounded(.up))) }
}

/// Finds a `CapacityPlan` by simulating the pool.
public struct CapacityPlanner: Sendable {
    public var objective: LatencyObjective
    public var costs: MeasuredCosts
    /// What is not chosen: threads, and how long batches wait.
    public var options: EnginePool.Options

    /// Where latency rises steeply, a machine that is this much slower for a while must not miss the objective.
    static let keptBack = 0.05
    /// A larger batch has to be worth this much more.
    private static let gain = 0.01
    private static let requests = 20_000
    /// The bounds of what a server may be slower than its parts.
    private static let slowdowns = (0.7, 4.0)
    /// Of the capacity: what is forecast.
    private static let parts = [0.25, 0.5, 0.75, 1]

    public init(_ objective: LatencyObjective, costs: MeasuredCosts, options: EnginePool.Options) {
        self.objective = objective
        self.costs = costs
        self.options = options
    }

    /// Admission reckons with a margin: so it refuses what is expected to come after the objective's limit, and nothing that would not.
    var deadline: Duration { .milliseconds(Int64((ModelCost.margin * objective.limit.seconds * 1000).rounded(.up))) }

    /// Holds the simulation against a server that works by a plan, and makes it as slow as that is.
    ///
    /// - Parameters:
    ///   - served: what the server saw.
    ///   - rate: the requests a second that came.
    public mutating func follow(_ served: MeasuredCosts.Served, of plan: CapacityPlan, rate: Double) {
        costs.follow(served)
        var outcome = PoolSimulation.Outcome()
        (outcome.latencies, outcome.refused) = (served.answers.map(\.latency), served.refused)
        let limit = plan.deadline.seconds
        let target = outcome.meanLatency(limit: limit)
        // What was seen in the server is slower already than what was measured alone.
        var (low, high) = Self.slowdowns
        while high / low > 1.005 {
            costs.slowdown = (low * high).squareRoot()
            let latency = self.outcome(plan.largestBatch, queue: plan.queue, rate: rate).meanLatency(limit: limit)
            if latency < target { low = costs.slowdown } else { high = costs.slowdown }
        }
    }

    /// Images a second that sessions get through, were there nothing to decode: more than a pool does.
    private func mostImages(_ largestBatch: Int) -> Double {
        Double(options.sessions) * costs.runs.prefix(largestBatch).enumerated().map { Double($0.offset + 1) / $0.element }.reduce(0, max)
    }

    /// Nil where not even a rare request keeps the objective.
    ///
    /// - Parameter progress: called now and then with what part is done, from 0 to 1.
    public func plan(progress: (Double) -> Void = { _ in }) -> CapacityPlan? {
        let sizes = batchSizes
        var best: (largestBatch: Int, rate: Double)?
        for (index, size) in sizes.enumerated() {
            let rate = highestRate(largestBatch: size, queue: nil)
            if rate > (best?.rate ?? 0) * (1 + Self.gain) { best = (size, rate) }
            progress(Double(index + 1) / Double(sizes.count + 1))
        }
        guard let best else { return nil }
        // More could not be run within the limit; which of these can be is told by the deadline.
        let queue = max(options.sessions * best.largestBatch, Int(best.rate * objective.limit.seconds))
        let rate = highestRate(largestBatch: best.largestBatch, queue: queue)
        guard rate > 0 else { return nil }
        let capacity = rate * (1 - Self.keptBack)
        progress(1)
        func forecast(_ rate: Double) -> CapacityPlan.Forecast {
            .init(outcome(best.largestBatch, queue: queue, rate: rate), rate: rate)
        }
        return CapacityPlan(
            largestBatch: best.largestBatch, queue: queue, deadline: deadline, capacity: capacity,
            expected: Self.parts.map { forecast($0 * capacity) }, overloaded: forecast(2 * capacity))
    }

    /// Powers of two, and the largest that was measured.
    private var batchSizes: [Int] {
        let largest = min(costs.runs.count, options.largestBatch)
        return Array(sequence(first: 1) { $0 * 2 }.prefix { $0 < largest }) + [largest]
    }

    private func outcome(_ largestBatch: Int, queue: Int?, rate: Double) -> PoolSimulation.Outcome {
        var options = options
        options.largestBatch = largestBatch
        options.queue = queue ?? .max
        return PoolSimulation(options, costs: costs, deadline: deadline).run(rate: rate, requests: Self.requests)
    }

    private func isKept(_ largestBatch: Int, queue: Int?, rate: Double) -> Bool {
        outcome(largestBatch, queue: queue, rate: rate).latencyOfAll(objective.share) <= objective.limit.seconds
    }

    /// Requests a second up to which the objective is kept, to a hundredth; 0 where it never is.
    private func highestRate(largestBatch: Int, queue: Int?) -> Double {
        let most = mostImages(largestBatch)
        var (kept, missed) = (most / 1000, most)
        guard isKept(largestBatch, queue: queue, rate: kept) else { return 0 }
        while missed / kept > 1.01 {
            let rate = (kept * missed).squareRoot()
            if isKept(largestBatch, queue: queue, rate: rate) { kept = rate } else { missed = rate }
        }
        return kept
    }
}
