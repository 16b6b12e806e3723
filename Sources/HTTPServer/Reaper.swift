import Glibc
import Threads

/// A thread for what libmicrohttpd leaves undone: it cuts off requests that are past their absolute deadline (the
/// daemon's own timeout sees silence only, and a byte a second is no silence), lets go of clients whose leaving the
/// daemon missed, and reads away what clients still send after an early answer, so that they get to read that answer
/// instead of a reset.
final class Reaper: Sendable {
    /// How long, and for how many connections at once, leftovers are read away.
    private static let lingerTime: Duration = .seconds(5)
    private static let lingerLimit = 256

    private struct Lingering {
        var socket: Int32
        var until: ContinuousClock.Instant
    }
    private struct State {
        var arrivals: [Lingering] = []
        var lingering = 0
        var isStopped = false
    }

    private let registry: Registry
    private let period: Duration
    private let wake: WakeUp
    private let state = Mutex(State())

    /// - Parameter period: how precisely deadlines are kept, between 5 and 250 milliseconds.
    init(registry: Registry, period: Duration) throws {
        self.registry = registry
        self.period = max(min(period, .milliseconds(250)), .milliseconds(5))
        wake = try WakeUp()
    }

    /// Takes over a socket that nothing else uses any more: sends a FIN, reads until the client's, closes.
    func linger(_ socket: Int32) {
        shutdown(socket, Int32(SHUT_WR))
        let isTaken = state.withLock {
            guard !$0.isStopped, $0.lingering < Self.lingerLimit else { return false }
            $0.lingering += 1
            $0.arrivals.append(Lingering(socket: socket, until: .now + Self.lingerTime))
            return true
        }
        if isTaken { wake.signal() } else { closeSocket(socket) }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        wake.signal()
    }

    /// The thread's whole life.
    func run() {
        var lingering: [Lingering] = []
        var nextScan = ContinuousClock.now + period
        var scratch = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let (arrivals, isStopped) = state.withLock {
                let arrivals = $0.arrivals
                $0.arrivals = []
                return (arrivals, $0.isStopped)
            }
            lingering += arrivals
            if isStopped {
                // Whatever is left has had its answer; waiting for it would hold up the shutdown.
                for entry in lingering { closeSocket(entry.socket) }
                return
            }
            var entries = [pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0)]
            entries += lingering.map { pollfd(fd: $0.socket, events: Int16(POLLIN), revents: 0) }
            let wait = max(.zero, nextScan - .now)
            // A failure (only EINTR is possible here) is an early wake-up.
            let ready = poll(&entries, nfds_t(entries.count), Int32(wait / .milliseconds(1)) + 1)
            let now = ContinuousClock.now
            if ready > 0, entries[0].revents != 0 { wake.clear() }
            var kept: [Lingering] = []
            for (entry, polled) in zip(lingering, entries.dropFirst()) {
                let isOver = ready > 0 && polled.revents != 0 && Self.readAway(entry.socket, &scratch)
                if isOver || now >= entry.until { closeSocket(entry.socket) } else { kept.append(entry) }
            }
            let closed = lingering.count - kept.count
            lingering = kept
            if closed > 0 { state.withLock { $0.lingering -= closed } }
            if now >= nextScan {
                for connection in registry.connections { connection.inspect(at: now) }
                nextScan = now + period
            }
        }
    }

    /// Reads what is there; true once nothing more can come.
    private static func readAway(_ socket: Int32, _ scratch: inout [UInt8]) -> Bool {
        // Bounded, so that one fast client cannot keep the thread from the others.
        for _ in 0..<16 {
            let count = recvfrom(socket, &scratch, scratch.count, Int32(MSG_DONTWAIT), nil, nil)
            if count == 0 { return true }
            if count < 0 { return errno != EAGAIN && errno != EINTR }
        }
        return false
    }
}
