import Dispatch
import Glibc
import LoadTesting

/// How a run goes, to standard error: a line that changes on a terminal, a line every few seconds elsewhere. On a thread of its own, so that
/// who does not read it does not hold up the run.
final class LoadProgress {
    private let queue = DispatchQueue(label: "progress")
    private let timer: any DispatchSourceTimer
    private let isTerminal = isatty(STDERR_FILENO) == 1

    /// - Parameter duration: in seconds.
    init(_ recorder: LoadRecorder, duration: Double) {
        timer = DispatchSource.makeTimerSource(queue: queue)
        let pause = isTerminal ? 0.25 : 5
        timer.schedule(deadline: .now() + pause, repeating: pause)
        timer.setEventHandler { [isTerminal] in
            let line = Self.line(recorder.snapshot, elapsed: (ContinuousClock.now - recorder.started).seconds, duration: duration)
            // Back to the line's start, and clear what is left of the last one.
            Self.write(isTerminal ? "\r\(line)\u{1B}[K" : "\(line)\n")
        }
        timer.resume()
    }

    func finish() {
        queue.sync {
            timer.cancel()
            if isTerminal { Self.write("\r\u{1B}[K") }
        }
    }

    private static func write(_ text: String) {
        Array(text.utf8).withUnsafeBytes { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

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
