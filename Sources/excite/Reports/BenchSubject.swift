import ArgumentParser
import FoundationEssentials
import ModelHub
import SENet

/// What `bench` measures: a model, and how it is run. Written as `seresnet50` or `seresnet50,batch=8,threads=1,precision=bf16,isa=avx2`.
struct BenchSubject {
    var source: ModelSource
    var batch: Int
    var threads: Int
    /// Nil for what the model is made for.
    var precision: Precision?
    var instructionSet: String?

    /// One of the two of `--compare`: what it does not say is taken from the command's other options.
    init(_ text: String, defaults: BenchSubject, in models: ModelsFolder) throws {
        self = defaults
        for field in text.split(separator: ",") {
            let pair = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            switch (pair[0], pair.count) {
            case (_, 1): source = try ModelOptions.source(pair[0], in: models)
            case ("batch", _): batch = try Self.number(pair)
            case ("threads", _): threads = try Self.number(pair)
            case ("precision", _): precision = try Self.precision(pair[1])
            case ("isa", _): instructionSet = pair[1]
            default: throw ValidationError("'\(field)' in '\(text)': a model, batch=N, threads=N, precision=f32|bf16|int8 or isa=NAME.")
            }
        }
    }

    init(source: ModelSource, batch: Int, threads: Int, precision: Precision?) {
        self.source = source
        self.batch = batch
        self.threads = threads
        self.precision = precision
    }

    private static func precision(_ text: String) throws -> Precision {
        if let precision = Precision(rawValue: text) { return precision }
        throw ValidationError("precision must be f32, bf16 or int8, not '\(text)'.")
    }

    private static func number(_ pair: [String]) throws -> Int {
        guard let value = Int(pair[1]), (1...1024).contains(value) else {
            throw ValidationError("\(pair[0]) must be from 1 to 1,024, not '\(pair[1])'.")
        }
        return value
    }

    /// A session with something in its inputs, warmed up.
    func session(size: InputSize?) throws -> Session {
        let plan = try source.plan(
            height: size?.height, width: size?.width, precision: precision, kernels: Kernels(instructionSet), threads: threads)
        let session = try Session(plan: plan, threads: threads, largestBatch: batch)
        session.fill(images: batch) { index, input in
            for place in input.indices { input[place] = Float((place &* 31 &+ index) % 255) / 64 - 2 }
        }
        for _ in 0..<3 { session.run(images: batch) }
        return session
    }

    var description: String {
        "\(source.configuration.fullName), batch \(batch), \(threads) thread\(threads == 1 ? "" : "s"), "
            + (precision ?? source.standardPrecision).rawValue + (instructionSet.map { ", \($0)" } ?? "")
    }
}

extension Session {
    /// Runs for that long; the latency of each run in milliseconds.
    func latencies(batch: Int, seconds: Double) -> [Double] {
        let clock = ContinuousClock()
        var latencies: [Double] = []
        latencies.reserveCapacity(1 << 14)
        let started = clock.now
        repeat {
            let begin = clock.now
            run(images: batch)
            latencies.append((clock.now - begin).seconds * 1000)
        } while (clock.now - started).seconds < seconds
        return latencies
    }
}

extension [Double] {
    /// The value that `share` of the values do not exceed (nearest rank).
    func percentile(_ share: Double) -> Double {
        let sorted = sorted()
        return sorted.isEmpty
            ? .nan : sorted[Swift.min(sorted.count - 1, Swift.max(0, Int((Double(sorted.count) * share).rounded(.up)) - 1))]
    }
}
