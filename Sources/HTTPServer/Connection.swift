import Glibc
import Threads

/// One open connection, from accept to close. What other threads than the one that reads it need to know of it:
/// until when a request has to be here (the reaper), and which request is being worked on (the shutdown).
final class Connection: Sendable {
    /// Valid until ``close()``; the daemon closes it after that.
    let socket: Int32
    /// The peer's numeric address.
    let client: String
    private let core: ServerCore

    private struct State {
        var isOpen = true
        /// Until when the request being awaited or received has to be here; nil while one is worked on and answered.
        var deadline: ContinuousClock.Instant?
        /// The status sent when the request was cut off; nothing more is to be sent then.
        var cutStatus: Int?
        /// Whether the client may still be sending what nobody will read.
        var lingers = false
        var requestID: String?
        /// Of the request being received or answered, once it is complete.
        var head: RequestHead?
        var exchange: Exchange?
        /// Requests begun on this connection.
        var requests = 0
        /// `requests` when the client was last seen to have closed its side with nothing left to read.
        var closedByClientAt: Int?
    }
    private let state: Mutex<State>

    init(core: ServerCore, socket: Int32, client: String, deadline: ContinuousClock.Instant) {
        self.core = core
        self.socket = socket
        self.client = client
        state = Mutex(State(deadline: deadline))
    }

    /// A request line is here: the rest of the request has to follow by `deadline`, or by the one already set.
    func requestStarted(_ exchange: Exchange, deadline: ContinuousClock.Instant) {
        state.withLock {
            $0.exchange = exchange
            $0.requestID = nil
            $0.head = nil
            $0.requests += 1
            $0.deadline = $0.deadline.map { min($0, deadline) } ?? deadline
        }
    }

    /// The head is here: from now on a cut-off request is answered under this id.
    func headArrived(_ head: RequestHead, id: String) {
        state.withLock {
            $0.head = head
            $0.requestID = id
        }
    }

    /// The answer to the request under way where the server refuses it.
    func rendered(_ refusal: Refusal) -> Response { core.render(refusal, state.withLock { $0.head }) }

    /// Ends the receiving; false where the request was cut off and answered before.
    /// - Parameter lingers: the answer comes before the body was read to its end.
    func endReceiving(lingers: Bool = false) -> Bool {
        state.withLock {
            guard $0.cutStatus == nil else { return false }
            $0.deadline = nil
            $0.lingers = lingers
            return true
        }
    }

    /// Whether the request was cut off and answered.
    var cutStatus: Int? { state.withLock { $0.cutStatus } }

    /// The request is over; the next one has to be here by `deadline`.
    func requestFinished(deadline: ContinuousClock.Instant) {
        state.withLock {
            $0.exchange = nil
            $0.requestID = nil
            $0.head = nil
            if $0.cutStatus == nil { $0.deadline = deadline }
        }
    }

    /// Looked at now and then while a request is awaited or arriving. Past its deadline it is answered with `refusal`
    /// and the connection ended. A client that has gone is let go: libmicrohttpd, whose epoll is edge-triggered, never
    /// notices a FIN that came together with the last bytes it read, and would keep the connection until its timeout.
    func inspect(at now: ContinuousClock.Instant, refusal: Refusal) {
        state.withLock {
            guard $0.isOpen, let deadline = $0.deadline else { return }
            if deadline <= now {
                cut(&$0, refusal)
            } else if peerHasClosed(socket), !hasUnreadBytes(socket) {
                // Seen twice with no request in between: whatever the daemon had already read is dealt with.
                if $0.closedByClientAt == $0.requests { shutdown(socket, Int32(SHUT_RDWR)) }
                $0.closedByClientAt = $0.requests
            }
        }
    }

    /// Ends whatever this connection is doing because the server goes away: a request that is still arriving and one
    /// that is worked on are answered; one that is answered goes its way.
    func shutDown(_ refusal: Refusal) {
        let exchange: Exchange? = state.withLock {
            if $0.isOpen, $0.deadline != nil, $0.exchange != nil { cut(&$0, refusal) }
            return $0.exchange
        }
        exchange?.refuse(refusal)
    }

    private func cut(_ state: inout State, _ refusal: Refusal) {
        state.deadline = nil
        state.cutStatus = refusal.status
        // Under the lock, which endReceiving takes: nothing else answers this request.
        sendNow(core.render(refusal, state.head).wire(id: state.requestID ?? RequestID.next()), to: socket)
        // The daemon sees the end of the input and closes.
        shutdown(socket, Int32(SHUT_RDWR))
    }

    /// Whether the server still has to do with this connection: a request is under way, or its bytes wait to be read.
    var isBusy: Bool { state.withLock { $0.isOpen && ($0.exchange != nil || hasUnreadBytes(socket)) } }

    /// The daemon is about to close the socket. Returns a duplicate of it where what the client still sends has to be
    /// read away: closing a socket with unread bytes resets it, and a reset takes the answer from the client.
    func close() -> Int32? {
        state.withLock {
            $0.isOpen = false
            $0.deadline = nil
            guard $0.lingers else { return nil }
            let copy = dup(socket)
            return copy >= 0 ? copy : nil
        }
    }
}
