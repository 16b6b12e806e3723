import ArgumentParser
import FoundationEssentials
import SENet
import Serving

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the engine alone: images a second and latency, after loading and warming up.",
        discussion: "--model may also name a published architecture, such as seresnet50: its weights are then made up.")

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var threadOptions: ThreadOptions
    @OptionGroup var precisionOptions: PrecisionOptions

    @Option(help: "Images a run.")
    var batch: Int = environment("batch", default: 1)

    @Option(help: "How long to measure, in seconds.")
    var seconds: Double = environment("seconds", default: 5)

    @Option(help: "The input's edge in pixels, or height x width such as 288x224. (default: what the model was evaluated at)")
    var size: InputSize?

    @Flag(help: "Show where the time goes instead: a table of the plan's steps.")
    var profile = false

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Two models or settings in turns, and the ratio of their times: --compare seresnet50 resnet50, or --compare threads=1 threads=2, "
                + "or --compare precision=f32 precision=bf16.",
            discussion: "Each is a model and batch=N, threads=N, precision=f32|bf16|int8, isa=NAME, separated by commas.", valueName: "A B")
    )
    var compare: [String] = []

    @Option(help: "text or json.")
    var format: OutputFormat = environment("format", default: .text)

    struct Report: Encodable {
        var model: String
        var batch: Int
        var threads: Int
        var precision: Precision
        var instructionSet: String
        var imagesPerSecond: Double
        /// Of one run.
        var latencyMs: Latency
        var runs: Int
        var loadSeconds: Double
        var residentBytes: Int

        struct Latency: Encodable {
            var minimum: Double
            var p50: Double
            var p90: Double
            var p99: Double
        }
    }

    func validate() throws {
        try require("--batch", batch, in: 1...1024)
        try require("--seconds", seconds, above: 0, upTo: 86_400)
        guard compare.isEmpty || compare.count == 2 else { throw ValidationError("--compare takes two, not \(compare.count).") }
        guard compare.isEmpty || !profile else { throw ValidationError("--compare and --profile do not go together.") }
    }

    func run() throws {
        let loading = ContinuousClock.now
        let subject = BenchSubject(
            source: try modelOptions.source(namedArchitecture: true), batch: batch, threads: threadOptions.threads,
            precision: precisionOptions.chosen)
        guard compare.isEmpty else {
            let models = modelOptions.modelsFolder.folder
            let (a, b) = (
                try BenchSubject(compare[0], defaults: subject, in: models), try BenchSubject(compare[1], defaults: subject, in: models)
            )
            let comparison = try BenchComparison(a, b, size: size, seconds: seconds)
            return printText(format == .json ? try JSON.text(comparison) : comparison.text)
        }
        let session = try subject.session(size: size)
        let loadSeconds = (ContinuousClock.now - loading).seconds
        guard !profile else {
            let profile = try BenchProfile(subject, session: session, seconds: seconds)
            return printText(format == .json ? try JSON.text(profile) : profile.text)
        }
        let started = ContinuousClock.now
        let latencies = session.latencies(batch: batch, seconds: seconds)
        let elapsed = (ContinuousClock.now - started).seconds
        func percentile(_ share: Double) -> Double { latencies.percentile(share).rounded(decimals: 3) }
        let report = Report(
            model: subject.source.configuration.fullName, batch: batch, threads: threadOptions.threads,
            precision: session.plan.precision, instructionSet: session.plan.instructionSet,
            imagesPerSecond: (Double(latencies.count * batch) / elapsed).rounded(decimals: 2),
            latencyMs: .init(minimum: percentile(0), p50: percentile(0.5), p90: percentile(0.9), p99: percentile(0.99)),
            runs: latencies.count, loadSeconds: loadSeconds.rounded(decimals: 3), residentBytes: ProcessStatus.residentBytes)
        printText(format == .json ? try JSON.text(report) : text(report))
    }

    private func text(_ report: Report) -> String {
        """
        \(report.model), batch \(batch), \(report.threads) threads, \(report.precision.rawValue), \(report.instructionSet)
        \(report.imagesPerSecond.formatted(decimals: 1)) images/s over \(report.runs) runs
        latency of a run in ms: minimum \(report.latencyMs.minimum), p50 \(report.latencyMs.p50), p90 \(report.latencyMs.p90), \
        p99 \(report.latencyMs.p99)
        loaded and warmed up in \(report.loadSeconds) s, resident memory \(report.residentBytes.mebibytes)
        """
    }
}
