/// A strict reader of Prometheus' text format 0.0.4: whatever a scraper could stumble over is an error.
struct Exposition {
    struct Sample: Equatable {
        var name: String
        var labels: [String: String]
        var value: Double
    }
    struct Malformed: Error, CustomStringConvertible {
        var description: String
    }

    private(set) var samples: [Sample] = []
    private var kinds: [String: String] = [:]

    init(_ text: String) throws {
        guard text.isEmpty || text.unicodeScalars.last == "\n" else { throw Malformed(description: "the last line has no end") }
        var family = ""
        var help = ""
        for line in text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map({ String($0) }) {
            if let match = line.wholeMatch(of: /# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)/) {
                help = String(match.1)
            } else if let match = line.wholeMatch(of: /# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)/) {
                family = String(match.1)
                guard help == family, kinds[family] == nil else {
                    throw Malformed(description: "'\(line)' does not follow its HELP, or is the second")
                }
                kinds[family] = String(match.2)
            } else {
                let sample = try Self.sample(line)
                guard Self.names(of: family, kind: kinds[family]).contains(sample.name) else {
                    throw Malformed(description: "'\(line)' does not belong to '\(family)'")
                }
                guard !samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels }) else {
                    throw Malformed(description: "'\(line)' is the second")
                }
                samples.append(sample)
            }
        }
        for (name, kind) in kinds {
            guard (kind == "counter") == name.hasSuffix("_total") else { throw Malformed(description: "\(name) is a \(kind)") }
            if kind == "histogram" { try checkHistogram(name) }
        }
    }

    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        samples.first { $0.name == name && $0.labels == labels }?.value
    }

    private static func names(of family: String, kind: String?) -> [String] {
        kind == "histogram" ? ["_bucket", "_sum", "_count"].map { family + $0 } : [family]
    }

    private static func sample(_ line: String) throws -> Sample {
        guard let match = line.wholeMatch(of: /(?s)([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)/), let value = number(match.3) else {
            throw Malformed(description: "'\(line)' is no sample")
        }
        var labels: [String: String] = [:]
        var rest = match.2 ?? ""
        while !rest.isEmpty {
            let pattern = /(?s)([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(,|$)/.matchingSemantics(.unicodeScalar)
            guard let label = rest.prefixMatch(of: pattern) else {
                throw Malformed(description: "'\(line)' has no label at '\(rest)'")
            }
            labels[String(label.1)] = unescaped(label.2)
            rest = rest[label.range.upperBound...]
        }
        return Sample(name: String(match.1), labels: labels, value: value)
    }

    private static func number(_ text: Substring) -> Double? {
        text == "+Inf" ? .infinity : text.contains { !"0123456789.e+-".contains($0) } ? nil : Double(text)
    }

    private static func unescaped(_ text: Substring) -> String {
        var result = String.UnicodeScalarView()
        var isEscaped = false
        for scalar in text.unicodeScalars {
            if !isEscaped, scalar == "\\" {
                isEscaped = true
            } else {
                result.append(isEscaped && scalar == "n" ? "\n" : scalar)
                isEscaped = false
            }
        }
        return String(result)
    }

    /// The buckets of each histogram ascend, count what the ones before them count, and end with all.
    private func checkHistogram(_ name: String) throws {
        for count in samples where count.name == "\(name)_count" {
            let buckets = samples.filter { sample in
                sample.name == "\(name)_bucket" && sample.labels.filter { $0.key != "le" } == count.labels
            }
            let bounds = buckets.compactMap { $0.labels["le"].flatMap { Self.number($0[...]) } }
            guard bounds == bounds.sorted(), Set(bounds).count == buckets.count, bounds.last == .infinity,
                buckets.map(\.value) == buckets.map(\.value).sorted(), buckets.last?.value == count.value,
                samples.contains(where: { $0.name == "\(name)_sum" && $0.labels == count.labels })
            else { throw Malformed(description: "the histogram \(name) \(count.labels) does not add up") }
        }
    }
}
