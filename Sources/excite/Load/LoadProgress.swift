import Foundation
import Glibc

/// How a run goes, to standard error: a line that changes on a terminal, a line every few seconds elsewhere.
struct LoadProgress {
    let recorder: LoadRecorder
    /// Seconds.
    let duration: Double

    /// Until the task is cancelled.
    func run() async {
        let isTerminal = isatty(STDERR_FILENO) == 1
        let pause = Duration.seconds(isTerminal ? 0.25 : 5)
        while true {
            do { try await Task.sleep(for: pause) } catch { break }
            let line = Self.line(recorder.snapshot, elapsed: (ContinuousClock.now - recorder.started).seconds, duration: duration)
            // Back to the line's start, and clear what is left of the last one.
            write(isTerminal ? "\r\(line)\u{1B}[K" : "\(line)\n")
        }
        if isTerminal { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

    static func line(_ record: LoadRecorder.Record, elapsed: Double, duration: Double) -> String {
        var parts = ["\(Int(elapsed)) s of \(duration.digits(2)) s", "\(record.sent.grouped) sent"]
        parts += record.outcomes.sorted { $0.key < $1.key }.map { "\($0.key): \(Int($0.value.totalCount).grouped)" }
        parts.append("\(record.inFlight.grouped) waiting")
        if let latencies = record.outcomes[.answered] {
            let (median, tail) = (Double(latencies.valueAtPercentile(50)) / 1000, Double(latencies.valueAtPercentile(99)) / 1000)
            parts.append("p50 \(median.digits(3)) ms, p99 \(tail.digits(3)) ms")
        }
        return parts.joined(separator: "   ")
    }
}
