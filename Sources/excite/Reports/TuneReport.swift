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
    /// At that rate.
    let expected: Forecast
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
        var requestMs: Double
    }

    struct Forecast: Encodable {
        var p50Ms: Double
        var p99Ms: Double
        var imagesPerBatch: Double
        var answersPerSecond: Double
        var refusedShare: Double

        init(_ forecast: CapacityPlan.Forecast) {
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
            decodeP99Ms: milliseconds(decodes[decodes.count * 99 / 100]), requestMs: milliseconds(costs.request))
        flags =
            given + [
                "--max-batch", "\(plan.largestBatch)", "--queue", "\(plan.queue)", "--default-deadline",
                "\(Int((plan.deadline.seconds * 1000).rounded()))",
            ]
        capacity = plan.capacity.rounded(decimals: 2)
        (expected, overloaded) = (Forecast(plan.expected), Forecast(plan.overloaded))
        self.rate = rate
        instances = rate.map(plan.replicas)
    }

    var text: String {
        let threadsText = sessions > 1 ? "\(sessions) sessions of \(threads / sessions) threads" : "1 session of \(threads) threads"
        var table = TextTable(columns: [.left("measured"), .right("ms"), .right("images/s")])
        for (index, milliseconds) in costs.runsMs.enumerated() {
            let images = index + 1
            table.rows.append([
                "a run of \(images) image\(images == 1 ? "" : "s")", milliseconds.digits(3),
                (1000 * Double(images * sessions) / milliseconds).formatted(decimals: 1),
            ])
        }
        table.rows.append(["decoding an image, p50", costs.decodeP50Ms.digits(3), ""])
        table.rows.append(["decoding an image, p99", costs.decodeP99Ms.digits(3), ""])
        table.rows.append(["a request besides", costs.requestMs.digits(3), ""])
        var lines = [
            "\(model), \(precision.rawValue), \(instructionSet), \(threadsText), \(images) image\(images == 1 ? "" : "s") in turn", "",
            table.text, "", "\(objectiveText) is kept by", "", "  excite serve \(flags.map(shellWord).joined(separator: " "))", "",
            "capacity        \(capacity.formatted(decimals: 1)) requests/s at random, "
                + "then p50 \(expected.p50Ms.digits(3)) ms, p99 \(expected.p99Ms.digits(3)) ms, "
                + "\(expected.imagesPerBatch.formatted(decimals: 2)) images a batch",
            "at twice that   \(overloaded.answersPerSecond.formatted(decimals: 1)) requests/s are answered, "
                + "p99 \(overloaded.p99Ms.digits(3)) ms, and the others refused at once",
        ]
        if let rate, let instances {
            let need = "\(instances) such instance\(instances == 1 ? "" : "s")"
            lines.append("for \(rate.formatted(decimals: 1))/s".rightPadded(to: 16) + need)
        }
        return lines.joined(separator: "\n")
    }
}

/// A word as a shell takes it.
private func shellWord(_ word: String) -> String {
    word.allSatisfy { $0.isLetter || $0.isNumber || "./_-:=".contains($0) } ? word : "'\(word.replacing("'", with: "'\\''"))'"
}
