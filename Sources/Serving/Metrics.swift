import Synchronization

/// Counters, gauges and histograms, rendered in Prometheus' text format 0.0.4.
public final class Metrics: Sendable {
    public enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    private struct Histogram {
        var counts: [UInt64]
        var sum = 0.0
    }

    private struct Family {
        var kind: Kind
        var help: String
        var labels: [String]
        var buckets: [Double]
        var values: [[String]: Double] = [:]
        var histograms: [[String]: Histogram] = [:]
        var read: (@Sendable () -> Double)?
    }

    private let families = Mutex<[String: Family]>([:])

    public init() {}

    /// Upper bounds from 1 ms to 10 s, in seconds.
    public static let durations = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    /// Declares a counter, or a gauge that is set.
    public func declare(_ kind: Kind, _ name: String, help: String, labels: [String] = []) {
        families.withLock { $0[name] = Family(kind: kind, help: help, labels: labels, buckets: []) }
    }

    /// Declares a histogram with the given upper bounds, ascending; +Inf is added.
    public func declareHistogram(_ name: String, help: String, labels: [String] = [], buckets: [Double]) {
        families.withLock { $0[name] = Family(kind: .histogram, help: help, labels: labels, buckets: buckets) }
    }

    /// Declares a metric that is read when it is rendered.
    public func declare(_ kind: Kind, _ name: String, help: String, read: @escaping @Sendable () -> Double) {
        families.withLock { $0[name] = Family(kind: kind, help: help, labels: [], buckets: [], read: read) }
    }

    public func add(_ name: String, _ labels: [String] = [], by amount: Double = 1) {
        families.withLock { $0[name]?.values[labels, default: 0] += amount }
    }

    public func set(_ name: String, _ labels: [String] = [], to value: Double) {
        families.withLock { $0[name]?.values[labels] = value }
    }

    public func observe(_ name: String, _ labels: [String], _ value: Double) {
        families.withLock { families in
            guard let buckets = families[name]?.buckets else { return }
            let bucket = buckets.firstIndex { value <= $0 } ?? buckets.count
            families[name]?.histograms[labels, default: Histogram(counts: Array(repeating: 0, count: buckets.count + 1))].counts[bucket] +=
                1
            families[name]?.histograms[labels]?.sum += value
        }
    }

    /// All metrics as text, sorted by name.
    public func render() -> String {
        // What is read is read before the lock is taken: it may take locks of its own.
        let readings = families.withLock { $0.compactMapValues(\.read) }.mapValues { $0() }
        // The text is written under the lock: beside a copy, the next thread that counts would have to copy everything itself.
        return families.withLock { families in
            families.sorted { $0.key < $1.key }.map { Self.text($0.key, $0.value, reading: readings[$0.key]) }.joined()
        }
    }

    private static func text(_ name: String, _ family: Family, reading: Double?) -> String {
        var text = "# HELP \(name) \(family.help)\n# TYPE \(name) \(family.kind.rawValue)\n"
        if let reading { text += "\(name) \(number(reading))\n" }
        if family.labels.isEmpty, family.kind == .counter, family.read == nil, family.values.isEmpty { text += "\(name) 0\n" }
        for (values, value) in family.values.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            text += "\(name)\(labels(family.labels, values)) \(number(value))\n"
        }
        for (values, histogram) in family.histograms.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            var total: UInt64 = 0
            for (bound, count) in zip(family.buckets + [.infinity], histogram.counts) {
                total += count
                text += "\(name)_bucket\(labels(family.labels + ["le"], values + [number(bound)])) \(total)\n"
            }
            let labels = labels(family.labels, values)
            text += "\(name)_sum\(labels) \(number(histogram.sum))\n\(name)_count\(labels) \(total)\n"
        }
        return text
    }

    private static func labels(_ names: [String], _ values: [String]) -> String {
        guard !names.isEmpty else { return "" }
        let pairs = zip(names, values).map { name, value in
            // By scalar: "\r\n" is one character.
            let escaped = value.unicodeScalars.reduce(into: "") { text, scalar in
                switch scalar {
                case "\\": text += "\\\\"
                case "\"": text += "\\\""
                case "\n": text += "\\n"
                default: text.unicodeScalars.append(scalar)
                }
            }
            return "\(name)=\"\(escaped)\""
        }
        return "{\(pairs.joined(separator: ","))}"
    }

    private static func number(_ value: Double) -> String {
        if value == .infinity { return "+Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }
}
