import Dispatch

/// A progress bar of a task that takes a certain time, drawn from a thread of its own.
final class TimedProgress {
    private let timer: any DispatchSourceTimer
    private let queue = DispatchQueue(label: "progress")

    /// - Parameter seconds: how long the task takes, about.
    init(_ title: String, seconds: Double) {
        timer = DispatchSource.makeTimerSource(queue: queue)
        timer.schedule(deadline: .now(), repeating: 0.25)
        let started = ContinuousClock.now
        nonisolated(unsafe) var bar = ProgressBar(title, .seconds)
        let total = max(1, Int(seconds.rounded(.up)))
        timer.setEventHandler { bar.update(min(total, Int((ContinuousClock.now - started).seconds)), of: total) }
        timer.setCancelHandler { bar.finish() }
        timer.resume()
    }

    /// Removes the line.
    func finish() {
        timer.cancel()
        // What was cancelled is cancelled before this.
        queue.sync {}
    }
}
