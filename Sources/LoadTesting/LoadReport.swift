import Glibc

/// The result of a run.
public struct LoadReport: Sendable, Encodable {
    /// Milliseconds.
    public struct Latency: Sendable, Encodable {
        public let minimum: Double
        public let mean: Double
        public let p50: Double
        public let p75: Double
        public let p90: Double
        public let p95: Double
        public let p99: Double
        public let p999: Double
        public let maximum: Double

        init(_ latencies: LoadRecorder.Latencies) {
            func milliseconds(_ microseconds: Double) -> Double { (microseconds / 1000).rounded(decimals: 3) }
            func percentile(_ percent: Double) -> Double { milliseconds(Double(latencies.valueAtPercentile(percent))) }
            minimum = milliseconds(Double(latencies.min))
            mean = milliseconds(latencies.mean)
            (p50, p75, p90, p95) = (percentile(50), percentile(75), percentile(90), percentile(95))
            (p99, p999) = (percentile(99), percentile(99.9))
            maximum = milliseconds(Double(latencies.max))
        }
    }

    public struct Row: Sendable, Encodable {
        public let count: Int
        public let latencyMs: Latency

        init(_ latencies: LoadRecorder.Latencies) {
            count = Int(latencies.totalCount)
            latencyMs = Latency(latencies)
        }
    }

    public let url: String
    /// Requests a second; nil where clients sent in a loop.
    public let rate: Double?
    public let clients: Int?
    public let images: Int
    /// How long requests were sent.
    public let seconds: Double
    /// From the start to the last answer.
    public let lastAnswerSeconds: Double
    public let requests: Int
    /// By status, or why there was none.
    public let outcomes: [String: Row]
    /// Requests that this client left.
    public let left: Int
    /// Still without an answer when the run was ended early.
    public let unfinished: Int
    /// Answers with 200 a second, while requests were sent.
    public let throughput: Double
    /// The same, without those that came after the deadline.
    public let goodput: Double
    /// Answers with 200 after the deadline.
    public let late: Int
    /// Images by the size of the batch that they were in.
    public let batchSizes: [String: Int]
    /// By when each second's requests were due and its answers there.
    public let timeline: [LoadRecorder.Second]
    /// How long after they were due requests were sent.
    public let lagMs: Latency
    /// How long slow connections lasted, by how they ended.
    public let slowConnections: [String: Row]?

    /// Of the answers with 200.
    public let latencies: LoadRecorder.Latencies?
    /// `outcomes` in order: by status first.
    public let rows: [(name: String, row: Row)]

    /// - Parameter seconds: how long requests were sent.
    init(_ record: LoadRecorder.Record, plan: LoadPlan, seconds: Double) {
        func rows(_ outcomes: [LoadOutcome: LoadRecorder.Latencies]) -> [(name: String, row: Row)] {
            outcomes.sorted { $0.key < $1.key }.map { ($0.key.description, Row($0.value)) }
        }
        url = plan.target.url
        switch plan.arrival {
        case .open(let rate, _): (self.rate, clients) = (rate, nil)
        case .closed(let clients): (rate, self.clients) = (nil, clients)
        }
        images = plan.payload.bodies.count
        self.seconds = seconds.rounded(decimals: 3)
        lastAnswerSeconds = record.lastOutcome.seconds.rounded(decimals: 3)
        requests = record.sent
        self.rows = rows(record.outcomes)
        outcomes = Dictionary(uniqueKeysWithValues: self.rows.map { ($0.name, $0.row) })
        left = record.left
        unfinished = record.unfinished
        late = record.late
        latencies = record.outcomes[.answered]
        throughput = (Double(record.answered) / seconds).rounded(decimals: 2)
        goodput = (Double(record.answeredInTime) / seconds).rounded(decimals: 2)
        batchSizes = Dictionary(uniqueKeysWithValues: record.batchSizes.map { ("\($0.key)", $0.value) })
        timeline = record.seconds
        lagMs = Latency(record.lag)
        slowConnections =
            plan.slow > 0 ? Dictionary(uniqueKeysWithValues: rows(record.slow).map { ($0.name, $0.row) }) : nil
    }

    private enum CodingKeys: CodingKey {
        case url, rate, clients, images, seconds, lastAnswerSeconds, requests, outcomes, left, unfinished, throughput, goodput, late,
            batchSizes, timeline,
            lagMs, slowConnections
    }

    /// Whether anything was answered at all, with whatever status.
    public var hasAnswers: Bool { rows.contains { Int($0.name) != nil } }
}

extension Double {
    fileprivate func rounded(decimals: Int) -> Double {
        let scale = Glibc.pow(10, Double(decimals))
        return (self * scale).rounded() / scale
    }
}
