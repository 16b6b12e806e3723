import SENet
import Serving

/// What `excite tune` prints.
struct TuneReport: Encodable {
    let model: String
    let precision: Precision
    let instructionSet: String
    let threads: Int
    let sessions: Int
    let images: Int
    let objective: Objective
    let costs: Costs
    /// To be given to `excite serve`.
    let flags: [String]
    /// Requests a second, less what is kept back.
    let capacity: Double
    /// At rates up to that.
    let expected: [Forecast]
    /// At twice that rate.
    let overloaded: Forecast
    /// Where a rate was asked for.
    let rate: Double?
    let instances: Int?

    struct Objective: Encodable {
        var percentile: Double
        var limitMs: Double
    }

    /// Milliseconds.
    struct Costs: Encodable {
        /// Of 1, 2, 3… images.
        var runsMs: [Double]
        var decodeP50Ms: Double
        var decodeP99Ms: Double
        var transitP50Ms: Double
        var transitP99Ms: Double
    }

    struct Forecast: Encodable {
        var rate: Double
        var p50Ms: Double
        var p99Ms: Double
        var imagesPerBatch: Double
        var answersPerSecond: Double
        var refusedShare: Double

        init(_ forecast: CapacityPlan.Forecast) {
            rate = forecast.rate.rounded(decimals: 2)
            (p50Ms, p99Ms) = ((forecast.p50 * 1000).rounded(decimals: 2), (forecast.p99 * 1000).rounded(decimals: 2))
            imagesPerBatch = forecast.imagesPerBatch.rounded(decimals: 2)
            answersPerSecond = forecast.answersPerSecond.rounded(decimals: 2)
            refusedShare = forecast.refusedShare.rounded(decimals: 5)
        }
    }

    private let objectiveText: String

    private enum CodingKeys: CodingKey {
        case model, precision, instructionSet, threads, sessions, images, objective, costs, flags, capacity, expected, overloaded, rate,
            instances
    }

    init(
        _ model: Model, _ objective: LatencyObjective, options: EnginePool.Options, costs: MeasuredCosts, plan: CapacityPlan, images: Int,
        rate: Double?, given: [String]
    ) {
        self.model = model.name
        (precision, instructionSet) = (model.plan.precision, model.plan.instructionSet)
        (threads, sessions) = (options.threads, options.sessions)
        self.images = images
        self.objective = Objective(percentile: objective.share * 100, limitMs: objective.limit.seconds * 1000)
        objectiveText = objective.text
        func milliseconds(_ seconds: Double) -> Double { (seconds * 1000).rounded(decimals: 3) }
        let decodes = costs.decodes.sorted()
        self.costs = Costs(
            runsMs: costs.runs.map(milliseconds), decodeP50Ms: milliseconds(decodes[decodes.count / 2]),
            decodeP99Ms: milliseconds(decodes[decodes.count * 99 / 100]),
            transitP50Ms: milliseconds(costs.transit[costs.transit.count / 2]),
            transitP99Ms: milliseconds(costs.transit[costs.transit.count * 99 / 100]))
        flags =
            given + [
                "--max-batch", "\(plan.largestBatch)", "--queue", "\(plan.queue)", "--default-deadline",
                "\(Int((plan.deadline.seconds * 1000).rounded()))",
            ]
        capacity = plan.capacity.rounded(decimals: 2)
        (expected, overloaded) = (plan.expected.map(Forecast.init), Forecast(plan.overloaded))
        self.rate = rate
        instances = rate.map(plan.replicas)
    }

    var text: String {
        let threadsText = sessions > 1 ? "\(sessions) sessions of \(threads / sessions) threads" : "1 session of \(threads) threads"
        return [
            "\(model), \(precision.rawValue), \(instructionSet), \(threadsText), \(images) image\(images == 1 ? "" : "s") in turn", "",
            measured, "", "\(objectiveText) is kept by", "", "  excite serve \(flags.map(shellWord).joined(separator: " "))", "",
            forecast, "", summary,
        ].joined(separator: "\n")
    }

    private var measured: String {
        var table = TextTable(columns: [.left("measured"), .right("ms"), .right("images/s")])
        for (index, milliseconds) in costs.runsMs.enumerated() {
            let images = index + 1
            // Of many sizes those that tell most.
            guard costs.runsMs.count <= 8 || images & index == 0 || images == costs.runsMs.count else { continue }
            let throughput = 1000 * Double(images * sessions) / milliseconds
            table.rows.append([
                "a run of \(images) image\(images == 1 ? "" : "s")", milliseconds.digits(3), throughput.formatted(decimals: 1),
            ])
        }
        func row(_ name: String, _ p50: Double, _ p99: Double) { table.rows.append([name, "\(p50.digits(3)) (p99 \(p99.digits(3)))", ""]) }
        row("decoding an image", costs.decodeP50Ms, costs.decodeP99Ms)
        row("receiving and answering", costs.transitP50Ms, costs.transitP99Ms)
        return table.text
    }

    private var forecast: String {
        var table = TextTable(columns: [.right("requests/s"), .right("p50 ms"), .right("p99"), .right("images a batch"), .right("refused")])
        for row in expected + [overloaded] {
            table.rows.append([
                row.rate.formatted(decimals: 1), row.p50Ms.digits(3), row.p99Ms.digits(3), row.imagesPerBatch.formatted(decimals: 2),
                "\((100 * row.refusedShare).formatted(decimals: 1)) %",
            ])
        }
        return table.text
    }

    private var summary: String {
        let promise = "\(capacity.formatted(decimals: 1)) requests/s at random, an image each, keep \(objectiveText)"
        guard let rate, let instances else { return "\(promise)." }
        return "\(promise): for \(rate.formatted(decimals: 1))/s, \(instances) such instance\(instances == 1 ? "" : "s")."
    }
}

/// A word as a shell takes it.
private func shellWord(_ word: String) -> String {
    word.allSatisfy { $0.isLetter || $0.isNumber || "./_-:=".contains($0) } ? word : "'\(word.replacing("'", with: "'\\''"))'"
}
