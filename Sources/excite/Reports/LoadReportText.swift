import LoadTesting

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
