import Foundation

/// The result of a run.
struct LoadReport: Encodable {
    /// Milliseconds.
    struct Latency: Encodable {
        var minimum: Double
        var mean: Double
        var p50: Double
        var p75: Double
        var p90: Double
        var p95: Double
        var p99: Double
        var p999: Double
        var maximum: Double

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

    struct Row: Encodable {
        var count: Int
        var latencyMs: Latency

        init(_ latencies: LoadRecorder.Latencies) {
            count = Int(latencies.totalCount)
            latencyMs = Latency(latencies)
        }
    }

    var url: String
    /// Requests a second; nil where clients sent in a loop.
    var rate: Double?
    var clients: Int?
    var images: Int
    /// How long requests were sent.
    var seconds: Double
    /// From the start to the last answer.
    var lastAnswerSeconds: Double
    var requests: Int
    /// By status, or why there was none.
    var outcomes: [String: Row]
    /// Requests that this client left.
    var left: Int
    /// Still without an answer when the run was ended early.
    var unfinished: Int
    /// Answers with 200 a second, while requests were sent.
    var throughput: Double
    /// The same, without those that came after the deadline.
    var goodput: Double
    /// Answers with 200 after the deadline.
    var late: Int
    /// Images by the size of the batch that they were in.
    var batchSizes: [String: Int]
    /// By when each second's requests were due and its answers there.
    var timeline: [LoadRecorder.Second]
    /// How long after they were due requests were sent.
    var lagMs: Latency
    /// How long slow connections lasted, by how they ended.
    var slowConnections: [String: Row]?

    private var latencies: LoadRecorder.Latencies?
    private var rows: [(name: String, row: Row)]

    /// - Parameter seconds: how long requests were sent.
    init(_ record: LoadRecorder.Record, plan: LoadPlan, seconds: Double) {
        func rows(_ outcomes: [LoadOutcome: LoadRecorder.Latencies]) -> [(name: String, row: Row)] {
            outcomes.sorted { $0.key < $1.key }.map { ($0.key.description, Row($0.value)) }
        }
        url = plan.target.url
        switch plan.arrival {
        case .open(let rate): self.rate = rate
        case .closed(let clients): self.clients = clients
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
        if plan.slow > 0 { slowConnections = Dictionary(uniqueKeysWithValues: rows(record.slow).map { ($0.name, $0.row) }) }
    }

    private enum CodingKeys: CodingKey {
        case url, rate, clients, images, seconds, lastAnswerSeconds, requests, outcomes, left, unfinished, throughput, goodput, late,
            batchSizes, timeline,
            lagMs, slowConnections
    }

    /// Whether anything was answered at all, with whatever status.
    var hasAnswers: Bool { rows.contains { Int($0.name) != nil } }
}

extension LoadReport {
    var text: String {
        var lines = [heading, "", Self.table("outcome", rows, total: requests), ""]
        var rates = "answered with 200: \(throughput.digits(3))/s"
        if late > 0 { rates += ", within the deadline \(goodput.digits(3))/s (\(late.grouped) came later)" }
        lines.append(rates)
        if left > 0 { lines.append("left by this client before the answer: \(left.grouped)") }
        if unfinished > 0 { lines.append("without an answer when the run was ended: \(unfinished.grouped)") }
        if !batchSizes.isEmpty {
            let sizes = batchSizes.compactMap { size, count in Int(size).map { ($0, count) } }.sorted { $0.0 < $1.0 }
            let images = sizes.reduce(0) { $0 + $1.1 }
            let batches = sizes.reduce(0) { $0 + Double($1.1) / Double($1.0) }
            let counts = sizes.map { "\($0.0) (\($0.1.grouped))" }.joined(separator: ", ")
            lines.append("images by batch size: \(counts); \((Double(images) / batches).digits(3)) images a batch")
        }
        lines.append("sent after they were due, in ms: p50 \(lagMs.p50), p99 \(lagMs.p99), max \(lagMs.maximum)")
        if let slowConnections {
            let rows = slowConnections.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            let count = rows.reduce(0) { $0 + $1.1.count }
            lines += ["", count == 0 ? "no slow connection ended" : Self.table("slow connections", rows, total: count)]
        }
        if let latencies { lines += ["", "latency of the answers with 200", LatencyPlot(latencies: latencies).text] }
        return lines.joined(separator: "\n")
    }

    private var heading: String {
        let load = rate.map { "\($0.digits(4)) requests/s" } ?? "\((clients ?? 0).grouped) clients in a loop"
        return "\(url): \(load) for \(seconds.formatted(decimals: 1)) s, \(images.grouped) images in turn, \(requests.grouped) requests"
    }

    /// Milliseconds, to three digits.
    private static func table(_ title: String, _ rows: [(name: String, row: Row)], total: Int) -> String {
        var table = TextTable(columns: [
            .left(title), .right("count"), .right("share"), .right("min ms"), .right("p50"), .right("p75"), .right("p90"), .right("p95"),
            .right("p99"), .right("p99.9"), .right("max"),
        ])
        for (name, row) in rows {
            let latency = row.latencyMs
            let values = [
                latency.minimum, latency.p50, latency.p75, latency.p90, latency.p95, latency.p99, latency.p999, latency.maximum,
            ]
            let share = "\((Double(row.count) / Double(max(1, total)) * 100).formatted(decimals: 1)) %"
            table.rows.append([name, row.count.grouped, share] + values.map { $0.digits(3) })
        }
        return table.text
    }
}
