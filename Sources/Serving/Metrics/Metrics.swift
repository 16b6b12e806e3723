import Threads

/// Counters, gauges and histograms, rendered in Prometheus' text format 0.0.4.
///
/// Each is made once and counted through what making it returned: nothing can be counted that was not declared.
public final class Metrics: Sendable {
    public enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    private let families = Mutex<[String: any MetricFamily]>([:])

    public init() {}

    /// Upper bounds from 1 ms to 10 s, in seconds.
    public static let durations = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    /// - Parameter values: of the labels, where they are known: rendered as 0 until they are counted, so that a rate can be told.
    public func counter(_ name: String, help: String, labels: [String] = [], values: [[String]] = []) -> Counter {
        add(Counter(Description(name: name, help: help, kind: .counter, labels: labels), values: labels.isEmpty ? [[]] : values))
    }

    /// A gauge that is set.
    public func gauge(_ name: String, help: String, labels: [String] = []) -> Gauge {
        add(Gauge(Description(name: name, help: help, kind: .gauge, labels: labels)))
    }

    /// - Parameter buckets: their upper bounds, ascending; +Inf is added.
    public func histogram(_ name: String, help: String, labels: [String] = [], buckets: [Double] = durations) -> BucketHistogram {
        add(BucketHistogram(Description(name: name, help: help, kind: .histogram, labels: labels), buckets: buckets))
    }

    /// A metric that is read when it is rendered, with the value of its label where it has one; nothing for nil.
    public func reading(_ kind: Kind, _ name: String, help: String, read: @escaping @Sendable () -> Double?) {
        _ = add(Reading(Description(name: name, help: help, kind: kind, labels: [])) { read().map { [[]: $0] } ?? [:] })
    }

    /// The same with labels: a sample for each list of their values.
    public func reading(
        _ kind: Kind, _ name: String, help: String, labels: [String], read: @escaping @Sendable () -> [[String]: Double]
    ) {
        _ = add(Reading(Description(name: name, help: help, kind: kind, labels: labels), read: read))
    }

    private func add<Family: MetricFamily>(_ family: Family) -> Family {
        let name = family.description.name
        let isNew = families.withLock { $0.updateValue(family, forKey: name) == nil }
        precondition(isNew, "the metric \(name) was made before")
        return family
    }

    /// All metrics as text, sorted by name.
    public func render() -> String {
        families.withLock { $0.values.map { $0 } }.sorted { $0.description.name < $1.description.name }.map { family in
            let description = family.description
            let head = "# HELP \(description.name) \(description.help)\n# TYPE \(description.name) \(description.kind.rawValue)\n"
            return head + family.samples.joined()
        }.joined()
    }
}

/// What all samples of a metric have in common.
struct Description: Sendable {
    var name: String
    var help: String
    var kind: Metrics.Kind
    var labels: [String]

    /// A line for a sample.
    func sample(_ values: [String], _ value: Double) -> String { Self.line(name, labels, values, value) }

    static func line(_ name: String, _ labels: [String], _ values: [String], _ value: Double) -> String {
        guard !labels.isEmpty else { return "\(name) \(number(value))\n" }
        let pairs = zip(labels, values).map { label, value in
            // By scalar: "\r\n" is one character.
            let escaped = value.unicodeScalars.reduce(into: "") { text, scalar in
                switch scalar {
                case "\\": text += "\\\\"
                case "\"": text += "\\\""
                case "\n": text += "\\n"
                default: text.unicodeScalars.append(scalar)
                }
            }
            return "\(label)=\"\(escaped)\""
        }
        return "\(name){\(pairs.joined(separator: ","))} \(number(value))\n"
    }

    static func number(_ value: Double) -> String {
        if value == .infinity { return "+Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }

    func check(_ values: [String]) {
        precondition(values.count == labels.count, "\(name) has the labels \(labels), not \(values.count) of them")
    }
}

protocol MetricFamily: Sendable {
    var description: Description { get }
    /// Lines of text.
    var samples: [String] { get }
}

extension [[String]: Double] {
    fileprivate func samples(_ description: Description) -> [String] {
        sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { description.sample($0.key, $0.value) }
    }
}

/// A number that only grows, for each list of its labels' values.
public final class Counter: MetricFamily {
    let description: Description
    private let values: Mutex<[[String]: Double]>

    init(_ description: Description, values: [[String]]) {
        self.description = description
        for labels in values { description.check(labels) }
        self.values = Mutex(Dictionary(values.map { ($0, 0) }) { first, _ in first })
    }

    /// - Precondition: as many values as the metric has labels.
    public func add(_ labels: [String] = [], by amount: Double = 1) {
        description.check(labels)
        values.withLock { $0[labels, default: 0] += amount }
    }

    var samples: [String] { values.withLock { $0.samples(description) } }
}

/// A number that is set.
public final class Gauge: MetricFamily {
    let description: Description
    private let values = Mutex<[[String]: Double]>([:])

    init(_ description: Description) { self.description = description }

    /// - Precondition: as many values as the metric has labels.
    public func set(_ labels: [String] = [], to value: Double) {
        description.check(labels)
        values.withLock { $0[labels] = value }
    }

    var samples: [String] { values.withLock { $0.samples(description) } }
}

/// How many values lay below each of some bounds.
public final class BucketHistogram: MetricFamily {
    private struct Counts {
        var buckets: [UInt64]
        var sum = 0.0
    }

    let description: Description
    private let bounds: [Double]
    private let counts = Mutex<[[String]: Counts]>([:])

    init(_ description: Description, buckets: [Double]) {
        self.description = description
        bounds = buckets
    }

    /// - Precondition: as many values as the metric has labels.
    public func observe(_ labels: [String], _ value: Double) {
        description.check(labels)
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        counts.withLock { counts in
            counts[labels, default: Counts(buckets: Array(repeating: 0, count: bounds.count + 1))].buckets[bucket] += 1
            counts[labels]?.sum += value
        }
    }

    /// Lets go of what was counted under these labels.
    public func forget(_ labels: [String]) { counts.withLock { $0[labels] = nil } }

    var samples: [String] {
        // The text is written under the lock: beside a copy, the next thread that counts would have to copy everything itself.
        counts.withLock { counts in
            counts.sorted { $0.key.lexicographicallyPrecedes($1.key) }.flatMap { values, counts in
                var total: UInt64 = 0
                var lines: [String] = []
                for (bound, count) in zip(bounds + [.infinity], counts.buckets) {
                    total += count
                    let labels = (description.labels + ["le"], values + [Description.number(bound)])
                    lines.append(Description.line("\(description.name)_bucket", labels.0, labels.1, Double(total)))
                }
                lines.append(Description.line("\(description.name)_sum", description.labels, values, counts.sum))
                lines.append(Description.line("\(description.name)_count", description.labels, values, Double(total)))
                return lines
            }
        }
    }
}

/// What is looked up when it is asked for.
private final class Reading: MetricFamily {
    let description: Description
    private let read: @Sendable () -> [[String]: Double]

    init(_ description: Description, read: @escaping @Sendable () -> [[String]: Double]) {
        self.description = description
        self.read = read
    }

    var samples: [String] { read().samples(description) }
}
