import CMicroHTTPD
import Threads

import struct Synchronization.Atomic

/// A connection of the daemon, to be resumed from any thread.
// Sendable because the only calls made on it from another thread, MHD_resume_connection and reading its socket's
// state, are allowed there while the connection is suspended, which Exchange makes sure of.
struct ConnectionHandle: @unchecked Sendable {
    let pointer: OpaquePointer
}

/// One request on its way from the handler to its answer; the part of it that other threads may touch.
final class Exchange: Sendable {
    private enum Phase {
        /// Not handed to the handler yet.
        case receiving
        /// The handler is being called on the HTTP thread; the connection is not suspended.
        case handling
        /// The connection is suspended; only resuming brings it back.
        case suspended
        /// The answer is there, or the connection is gone.
        case settled
    }
    private struct State {
        var phase = Phase.receiving
        var isRefused = false
        var answer: Response?
    }

    private let state = Mutex(State())
    private let connection: Connection
    private let handle: ConnectionHandle

    init(connection: Connection, handle: ConnectionHandle) {
        self.connection = connection
        self.handle = handle
    }

    /// Takes the first answer; from any thread, before or after the connection is suspended.
    func respond(_ response: Response) {
        state.withLock {
            switch $0.phase {
            case .receiving, .settled: break
            case .handling:
                $0.answer = response
                $0.phase = .settled
            case .suspended:
                $0.answer = response
                $0.phase = .settled
                // After this the HTTP thread may be done with the connection at any moment; nothing here touches it again.
                MHD_resume_connection(handle.pointer)
            }
        }
    }

    /// A request that nobody will answer any more is answered 500.
    func abandon() {
        guard state.withLock({ $0.phase == .handling || $0.phase == .suspended }) else { return }
        respond(connection.rendered(.unanswered))
    }

    /// The server goes away: answers the request where it is being worked on, and keeps it from the handler otherwise.
    func refuse(_ refusal: Refusal) {
        state.withLock { $0.isRefused = true }
        respond(connection.rendered(refusal))
    }

    /// The handler is about to be called; false where the server has gone away meanwhile.
    func beginHandling(isStopping: () -> Bool) -> Bool {
        state.withLock {
            if $0.isRefused || isStopping() {
                $0.phase = .settled
                return false
            }
            $0.phase = .handling
            return true
        }
    }

    /// The answer, where the handler gave it at once; else suspends the connection until it comes. On the HTTP thread,
    /// inside the daemon's callback. One lock holds both, so that an answer comes wholly before or wholly after.
    func answerOrSuspend() -> Response? {
        state.withLock {
            if $0.phase == .settled {
                let answer = $0.answer
                $0.answer = nil
                return answer
            }
            $0.phase = .suspended
            MHD_suspend_connection(handle.pointer)
            return nil
        }
    }

    /// The request is over, answered or not.
    func finish() {
        state.withLock {
            $0.phase = .settled
            $0.answer = nil
        }
    }

    var clientHasLeft: Bool {
        // Under the lock: while the request is unanswered the daemon does not close the socket.
        state.withLock { ($0.phase == .handling || $0.phase == .suspended) && peerHasClosed(connection.socket) }
    }
}

/// Where a handler leaves the answer: once, from any thread.
public final class Responder: Sendable {
    private let exchange: Exchange

    init(_ exchange: Exchange) { self.exchange = exchange }

    /// Answers the request. The first call counts; later ones are ignored.
    public func respond(_ response: Response) { exchange.respond(response) }

    deinit { exchange.abandon() }
}

/// Ids for requests that come without one.
enum RequestID {
    private static let prefix = String(UInt64.random(in: .min ... .max) | 1 << 63, radix: 16)
    private static let counter = Atomic<UInt64>(0)

    /// Different in every process and for every request, and in the order of arrival.
    static func next() -> String {
        let number = String(counter.add(1, ordering: .relaxed).newValue, radix: 16)
        return prefix + "-" + String(repeating: "0", count: max(0, 8 - number.count)) + number
    }
}
