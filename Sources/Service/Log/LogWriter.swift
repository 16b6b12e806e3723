import DequeModule
import Glibc
import Threads

/// Writes lines to a descriptor on a thread of its own, so that nobody who logs ever waits for who reads the log.
///
/// What waits is bounded: while a full pipe takes nothing, or nobody is left to read, lines are dropped and counted, and a line says how many
/// when it flows again.
package final class LogWriter: Sendable {
    private struct State {
        var lines: Deque<[UInt8]> = []
        var bytes = 0
        /// Lines that the thread has taken and not yet written.
        var isWriting = false
        var dropped = 0
        /// Dropped lines that no line has told of.
        var untold = 0
    }

    private let descriptor: Int32
    private let limit: Int
    private let notice: @Sendable (Int) -> [UInt8]
    private let monitor = Monitor(State())
    private let arrival = Condition()
    private let departure = Condition()

    /// - Parameters:
    ///   - limit: the most bytes that wait.
    ///   - notice: the line that tells of so many dropped ones.
    /// - Throws: `ThreadError` if the system refuses a thread.
    package init(descriptor: Int32 = STDERR_FILENO, limit: Int = 1 << 20, notice: @escaping @Sendable (Int) -> [UInt8]) throws {
        self.descriptor = descriptor
        self.limit = limit
        self.notice = notice
        // It lives as long as the process: a log has no end before that.
        try WorkerThread("log") { [self] in run() }.detach()
    }

    /// Lines dropped since the start.
    package var dropped: Int { monitor.withLock(\.dropped) }

    /// Takes a line with its line feed, or drops it where too much waits.
    package func write(_ line: [UInt8]) {
        monitor.withLock { state in
            guard state.bytes + line.count <= limit else {
                state.dropped += 1
                state.untold += 1
                return
            }
            state.lines.append(line)
            state.bytes += line.count
        }
        arrival.signal()
    }

    /// Waits until everything is written, but no longer than that.
    package func flush(within duration: Duration) {
        let end = ContinuousClock.now + duration
        monitor.wait(on: departure) { state, now -> Waiting<Void> in
            (state.lines.isEmpty && !state.isWriting) || now >= end ? .done(()) : .wait(until: end)
        }
    }

    private func run() {
        while true {
            let line = monitor.wait(on: arrival) { state -> [UInt8]? in
                guard let line = state.lines.popFirst() else { return nil }
                state.bytes -= line.count
                state.isWriting = true
                return line
            }
            let isWritten = writeFully(line)
            let untold = monitor.withLock { state in
                defer { state.isWriting = false }
                guard isWritten else {
                    state.dropped += 1
                    state.untold += 1
                    return 0
                }
                defer { state.untold = 0 }
                return state.untold
            }
            // What could not be told is told with the next ones.
            if untold > 0, !writeFully(notice(untold)) { monitor.withLock { $0.untold += untold } }
            departure.broadcast()
        }
    }

    /// False where nobody can read it any more.
    private func writeFully(_ line: [UInt8]) -> Bool {
        var rest = line[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // Shared with somebody who made it non-blocking.
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&entry, 1, -1)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }
}
