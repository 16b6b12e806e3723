import ArgumentParser
import Foundation
import SENet
import Serving

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the engine alone: images a second and latency, after loading and warming up.",
        discussion: "--model may also name a published architecture, such as seresnet50: its weights are then made up.")

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var threadOptions: ThreadOptions

    @Option(help: "Images a run.")
    var batch: Int = environment("batch", default: 1)

    @Option(help: "How long to measure, in seconds.")
    var seconds: Double = environment("seconds", default: 5)

    @Option(help: "The input's edge in pixels, or height x width such as 288x224. (default: what the model was evaluated at)")
    var size: InputSize?

    @Option(help: "text or json.")
    var format: OutputFormat = environment("format", default: .text)

    struct Report: Encodable {
        var model: String
        var batch: Int
        var threads: Int
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
        guard (1...1024).contains(batch) else { throw ValidationError("--batch must be from 1 to 1,024, not \(batch).") }
        guard seconds > 0, seconds <= 86_400 else { throw ValidationError("--seconds must be above 0 and at most 86,400.") }
    }

    func run() throws {
        let clock = ContinuousClock()
        let loading = clock.now
        let source = try modelOptions.source(namedArchitecture: true)
        let plan = try source.plan(height: size?.height, width: size?.width, threads: threadOptions.threads)
        let session = try Session(plan: plan, threads: threadOptions.threads, largestBatch: batch)
        let loadSeconds = (clock.now - loading).seconds
        session.fill(images: batch) { index, input in
            for place in input.indices { input[place] = Float((place &* 31 &+ index) % 255) / 64 - 2 }
        }
        for _ in 0..<3 { session.run(images: batch) }

        var latencies: [Double] = []
        latencies.reserveCapacity(1 << 16)
        let started = clock.now
        repeat {
            let begin = clock.now
            session.run(images: batch)
            latencies.append((clock.now - begin).seconds * 1000)
        } while (clock.now - started).seconds < seconds
        let elapsed = (clock.now - started).seconds
        latencies.sort()
        func percentile(_ share: Double) -> Double {
            latencies[min(latencies.count - 1, Int((Double(latencies.count) * share).rounded(.up)) - 1)].rounded(decimals: 3)
        }
        let report = Report(
            model: source.configuration.fullName, batch: batch, threads: threadOptions.threads, instructionSet: plan.instructionSet,
            imagesPerSecond: (Double(latencies.count * batch) / elapsed).rounded(decimals: 2),
            latencyMs: .init(minimum: percentile(0.5 / Double(latencies.count)), p50: percentile(0.5), p90: percentile(0.9), p99: percentile(0.99)),
            runs: latencies.count, loadSeconds: loadSeconds.rounded(decimals: 3), residentBytes: ProcessStatus.residentBytes)
        switch format {
        case .json: print(try JSON.text(report))
        case .text:
            print(
                """
                \(report.model), batch \(batch), \(report.threads) threads, \(report.instructionSet)
                \(report.imagesPerSecond.formatted(decimals: 1)) images/s over \(report.runs) runs
                latency of a run in ms: minimum \(report.latencyMs.minimum), p50 \(report.latencyMs.p50), p90 \(report.latencyMs.p90), \
                p99 \(report.latencyMs.p99)
                loaded in \(report.loadSeconds) s, resident memory \(report.residentBytes.mebibytes)
                """)
        }
    }
}
