import ArgumentParser
import FoundationEssentials
import HTTPServer
import LoadTesting
import SENet
import Service
import Serving

struct Tune: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find the options of serve that keep a latency, and how many requests they get through.",
        discussion: """
            Measures on this machine what runs of every size, decoding and the rest of a request take, and simulates a pool of these costs, \
            with requests that come at random (a Poisson process) with one image each. A request that is refused counts as one that missed \
            its latency. The capacity is the highest rate that keeps it, less 5 %; with `excite load --poisson` it can be held against a server.

              excite tune --slo p99=100ms --model seresnet50.a1_in1k --images photographs --rate 500

            Serving needs no tuning: without these options full load is got through, but at the latency that it takes. Measure on a machine \
            that has nothing else to do, with as many CPUs as an instance will have.
            """)

    @Option(
        help: ArgumentHelp(
            "How soon which share of the requests is to be answered: p99=50ms, p95=0.2s.", valueName: "objective"))
    var slo: LatencyObjective?

    @Option(help: "Requests a second that are to be served: how many instances they need.")
    var rate: Double?

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var threadOptions: ThreadOptions
    @OptionGroup var precisionOptions: PrecisionOptions
    @OptionGroup var imageOptions: ImageOptions

    @Option(
        help: ArgumentHelp(
            """
            A folder of images such as will be sent; up to 100 of them are taken. (default: the self-test image of the model that comes with \
            the program)
            """,
            valueName: "folder"))
    var images: String?

    @Option(help: "The largest batch that is tried.")
    var maxBatch: Int = environment("max-batch", default: 16)

    @Option(help: "How long each of runs, decoding and three rounds of serving is measured, in seconds.")
    var seconds: Double = environment("seconds", default: 10)

    @Option(help: "text or json.")
    var format: OutputFormat = environment("format", default: .text)

    private static let mostImages = 100
    /// The parts of what is thought to be the capacity at which a server is looked at: what it shows makes for a better one.
    private static let rounds = [0.6, 0.9, 1]

    func validate() throws {
        if let wantedRate { try require("--rate", wantedRate, above: 0, upTo: 1_000_000_000, "requests a second") }
        try require("--max-batch", maxBatch, in: 1...1024)
        try require("--seconds", seconds, above: 0, upTo: 3600)
        guard slo ?? environment("slo") != nil else { throw ValidationError("--slo is missing: for example --slo p99=50ms") }
    }

    private var wantedRate: Double? { rate ?? environment("rate") }

    func run() throws {
        guard let objective = slo ?? environment("slo") else { return }
        let model = try Model(
            imageOptions.source(modelOptions.source()), precision: precisionOptions.chosen, threads: threadOptions.threads)
        let files = try self.files
        var options = EnginePool.Options(threads: threadOptions.threads)
        options.decoder = imageOptions.decoder
        options.largestBatch = maxBatch
        let costs = try measure(model, options, files, objective)
        options.largestBatch = costs.runs.count
        let unreachable = unreachable(objective, model, costs)
        var planner = CapacityPlanner(objective, costs: costs, options: options)
        for part in Self.rounds {
            guard let plan = planner.plan(progress: Self.bar("choosing")) else { throw unreachable }
            let rate = part * plan.capacity
            planner.follow(try serve(model, options, files, plan, rate: rate), of: plan, rate: rate)
        }
        guard let plan = planner.plan(progress: Self.bar("choosing")) else { throw unreachable }
        let report = TuneReport(
            model, objective, options: options, costs: planner.costs, plan: plan, images: files.count, rate: wantedRate, given: given)
        printText(format == .json ? try JSON.text(report) : report.text)
    }

    private var files: [String] {
        get throws {
            guard let folder = images ?? environment("images") else { return ["\(try EmbeddedModel.folder())/self-test.jpg"] }
            let all = try ImageFiles.images(under: folder)
            guard !all.isEmpty else { throw ModelError.file("\(folder): no images there") }
            // From all over the folder.
            return all.count <= Self.mostImages ? all : (0..<Self.mostImages).map { all[$0 * all.count / Self.mostImages] }
        }
    }

    /// What of this command's options serve has to be given, too.
    private var given: [String] {
        var given: [String] = []
        if let model: String = modelOptions.model ?? environment("model") { given += ["--model", model] }
        if threadOptions.threads != ProcessorCount.available { given += ["--threads", "\(threadOptions.threads)"] }
        if let precision = precisionOptions.chosen { given += ["--precision", precision.rawValue] }
        if imageOptions.decode != .full { given += ["--decode", imageOptions.decode.rawValue] }
        if imageOptions.input != .standard { given += ["--input", imageOptions.input.rawValue] }
        return given
    }

    private func measure(
        _ model: Model, _ options: EnginePool.Options, _ files: [String], _ objective: LatencyObjective
    ) throws -> MeasuredCosts {
        let measurement: CostMeasurement
        do {
            let images = try files.map { (file) throws(ModelError) in try readFile(file) }
            measurement = try CostMeasurement(model, options: options, images: images)
        } catch let error as CostMeasurement.UnusableImage {
            throw ModelError.file("\(files[error.index]): \(error.error); take it out of the folder")
        }
        let progress = TimedProgress("measuring runs and decoding", seconds: 2 * seconds)
        defer { progress.finish() }
        return try measurement.measure(seconds: seconds, limit: objective.limit)
    }

    /// Serves the model by a plan on the loopback, for a while.
    private func serve(
        _ model: Model, _ options: EnginePool.Options, _ files: [String], _ plan: CapacityPlan, rate: Double
    ) throws -> MeasuredCosts.Served {
        var options = options
        (options.largestBatch, options.queue) = (plan.largestBatch, plan.queue)
        let server = try LoopbackServer(model, options: options, deadline: plan.deadline)
        let progress = TimedProgress("serving at \(rate.formatted(decimals: 1)) requests/s", seconds: 1.2 * seconds)
        defer { progress.finish() }
        // The first requests find connections to be made and memory cold.
        _ = try server.serve(files: files, rate: rate, seconds: seconds / 5)
        return try server.serve(files: files, rate: rate, seconds: seconds)
    }

    private func unreachable(_ objective: LatencyObjective, _ model: Model, _ costs: MeasuredCosts) -> ModelError {
        let alone = 1000 * (costs.runs[0] + costs.decodes[costs.decodes.count / 2])
        return .engine(
            "\(objective.text) cannot be kept here: \(model.name) takes \(alone.digits(3)) ms for one image alone, and now and then more. Take a "
                + "longer one, more or faster CPUs, a smaller model, or int8 (excite quantize)")
    }

    private static func bar(_ title: String) -> (Double) -> Void {
        var bar = ProgressBar(title, .share)
        return { part in
            if part < 1 { bar.share(part) } else { bar.finish() }
        }
    }
}
