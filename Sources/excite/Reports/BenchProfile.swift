import FoundationEssentials
import SENet
import Serving

/// Where a run's time goes, step by step.
struct BenchProfile: Encodable {
    struct Row: Encodable {
        var layer: String
        var kind: String
        var output: [Int]
        var precision: Precision
        var algorithm: String
        var milliseconds: Double
        /// Two operations a multiply-accumulate of the plain convolution, so that Winograd's rate is an effective one.
        var gigaflops: Double
        /// Of what the threads' multiply-adds of this precision can do on registers alone, measured in the same run.
        var shareOfLimit: Double
        var shareOfTotal: Double
    }

    struct Limit: Encodable {
        var precision: Precision
        var gigaflops: Double
    }

    var model: String
    var batch: Int
    var threads: Int
    var precision: Precision
    var instructionSet: String
    /// Of each precision that a step multiplies in.
    var limits: [Limit]
    var totalMilliseconds: Double
    var rows: [Row]

    init(_ subject: BenchSubject, session: Session, seconds: Double) throws {
        let plan = session.plan
        var times = plan.summaries.map { _ in [Double]() }
        let clock = ContinuousClock()
        let started = clock.now
        repeat {
            for (index, duration) in session.profile(images: subject.batch).enumerated() { times[index].append(duration.seconds) }
        } while (clock.now - started).seconds < seconds
        let medians = times.map { $0.percentile(0.5) }
        let total = medians.reduce(0, +)
        let kernels = try Kernels(subject.instructionSet)
        let precisions = plan.summaries.filter { $0.multiplyAccumulates > 0 }.map(\.precision)
        let limits = Precision.allCases.filter(precisions.contains).reduce(into: [Precision: Double]()) {
            $0[$1] = 2 * (kernels.multiplyAddLimit($1) ?? .nan) * Double(subject.threads) / 1e9
        }
        model = subject.source.configuration.fullName
        batch = subject.batch
        threads = subject.threads
        precision = plan.precision
        instructionSet = plan.instructionSet
        self.limits = Precision.allCases.compactMap { precision in
            limits[precision].map { Limit(precision: precision, gigaflops: $0.rounded(decimals: 1)) }
        }
        totalMilliseconds = (total * 1000).rounded(decimals: 3)
        rows = zip(plan.summaries, medians).map { step, seconds in
            let gigaflops = 2 * Double(step.multiplyAccumulates * subject.batch) / seconds / 1e9
            return Row(
                layer: step.name, kind: step.kind, output: [step.output.channels, step.output.height, step.output.width],
                precision: step.precision, algorithm: step.algorithm, milliseconds: (seconds * 1000).rounded(decimals: 4),
                gigaflops: gigaflops.rounded(decimals: 1),
                shareOfLimit: (limits[step.precision].map { gigaflops / $0 } ?? 0).rounded(decimals: 4),
                shareOfTotal: (seconds / total).rounded(decimals: 4))
        }
    }

    var text: String {
        var table = TextTable(columns: [
            .left("layer"), .left("kind"), .right("output"), .left("precision"), .left("algorithm"), .right("ms"), .right("GFLOP/s"),
            .right("of limit"),
            .right("of total"),
        ])
        // Eight bits are no floating point.
        if limits.contains(where: { $0.precision == .int8 }) { table.columns[6] = .right("GOP/s") }
        func percent(_ share: Double) -> String { "\((share * 100).formatted(decimals: 1)) %" }
        for row in rows {
            let isCounted = row.gigaflops > 0
            table.rows.append([
                row.layer, row.kind, row.output.map(String.init).joined(separator: "×"), row.precision.rawValue, row.algorithm,
                row.milliseconds.formatted(decimals: 3),
                isCounted ? row.gigaflops.formatted(decimals: 1) : "", isCounted ? percent(row.shareOfLimit) : "",
                percent(row.shareOfTotal),
            ])
        }
        let limits = limits.map { limit in
            "limit of \(threads) threads' multiply-adds in \(limit.precision.rawValue), measured in this run: "
                + "\(limit.gigaflops.formatted(decimals: 1)) \(limit.precision == .int8 ? "GOP/s" : "GFLOP/s")"
        }
        return """
            \(table.text)

            \(model), batch \(batch), \(threads) threads, \(precision.rawValue), \(instructionSet): \(totalMilliseconds.formatted(decimals: 2)) ms a run, median of each step
            \(limits.joined(separator: "\n"))
            """
    }
}

/// Two subjects in turns, so that what disturbs the machine disturbs both.
struct BenchComparison: Encodable {
    struct Side: Encodable {
        var subject: String
        var imagesPerSecond: Double
    }

    struct Ratio: Encodable {
        var minimum: Double
        var median: Double
        var maximum: Double
    }

    var a: Side
    var b: Side
    var rounds: Int
    /// Seconds an image of A divided by B's, within a round.
    var timeRatio: Ratio

    init(_ a: BenchSubject, _ b: BenchSubject, size: InputSize?, seconds: Double) throws {
        let sessions = [try a.session(size: size), try b.session(size: size)]
        let rounds = max(5, Int(seconds / 0.5))
        let slice = seconds / Double(2 * rounds)
        var times: [[Double]] = [[], []]
        for round in 0..<rounds {
            // Who goes first alternates too.
            for index in round % 2 == 0 ? [0, 1] : [1, 0] {
                let subject = index == 0 ? a : b
                times[index].append(sessions[index].latencies(batch: subject.batch, seconds: slice).percentile(0.5) / Double(subject.batch))
            }
        }
        let ratios = zip(times[0], times[1]).map { $0 / $1 }
        func side(_ subject: BenchSubject, _ times: [Double]) -> Side {
            Side(subject: subject.description, imagesPerSecond: (1000 / times.percentile(0.5)).rounded(decimals: 2))
        }
        self.a = side(a, times[0])
        self.b = side(b, times[1])
        self.rounds = rounds
        timeRatio = Ratio(
            minimum: ratios.percentile(0).rounded(decimals: 4), median: ratios.percentile(0.5).rounded(decimals: 4),
            maximum: ratios.percentile(1).rounded(decimals: 4))
    }

    var text: String {
        """
        A  \(a.subject): \(a.imagesPerSecond.formatted(decimals: 1)) images/s
        B  \(b.subject): \(b.imagesPerSecond.formatted(decimals: 1)) images/s
        time an image, A / B, over \(rounds) rounds in turns: median \(timeRatio.median.formatted(decimals: 3)) \
        (\(timeRatio.minimum.formatted(decimals: 3)) to \(timeRatio.maximum.formatted(decimals: 3)))
        """
    }
}
