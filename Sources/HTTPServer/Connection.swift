import Glibc
import Threads

/// One open connection, from accept to close: its reader, and what other threads than the one that serves it need to know, such as
/// until when a request has to be here (the reaper), and which is being worked on (the shutdown).
final class Connection: Sendable {
    /// Valid until ``close()``; the daemon closes it after that.
    let socket: Int32
    /// The peer's numeric address.
    let client: String
    let entrance: Entrance
    /// What this connection is told unless it asks for a probe: it has come over a limit, or to a port beside the main one. Nil for others.
    let reserve: Refusal?
    /// Whether TLS is spoken.
    let isEncrypted: Bool
    let core: ServerCore

    struct State {
        var isOpen = true
        var reader: RequestReader
        /// What the reader wrote and the daemon has not read yet.
        var outbox: [UInt8] = []
        /// The heads of requests that the daemon has not come to yet.
        var heads: [RequestReader.Received] = []
        /// Requests that are over, of those that the reader saw begin.
        var ended = 0
        /// What was wrong with the last request that began: said once those before it are answered.
        var violation: Refusal?
        /// Until when the request being received has to be here; nil while none is, and while one is worked on and answered.
        var deadline: ContinuousClock.Instant?
        /// Since when so many bytes of a body have come.
        var pace: (since: ContinuousClock.Instant, bytes: Int)?
        /// The status sent when the request was cut off; nothing more is to be sent then.
        var cutStatus: Int?
        /// Whether the client may still be sending what nobody will read.
        var lingers = false
        /// Whether the handshake is done, where TLS is spoken.
        var isSecured = false
        /// What is sent, where TLS is spoken, by the thread that may: when the daemon reads next.
        var farewell: [UInt8] = []
        /// Of the request being received or answered, once its head is complete.
        var head: RequestHead?
        var requestID: String?
        var exchange: Exchange?
        /// Requests begun when the client was last seen to have closed its side with nothing left to read.
        var closedByClientAt: Int?
    }
    let state: Mutex<State>

    init(core: ServerCore, socket: Int32, client: String, entrance: Entrance, reserve: Refusal?, isEncrypted: Bool) {
        self.core = core
        self.socket = socket
        self.client = client
        self.entrance = entrance
        self.reserve = reserve
        self.isEncrypted = isEncrypted
        var state = State(reader: RequestReader(limits: core.configuration.headLimits, client: client, isSingle: reserve != nil))
        // The handshake has to be done as soon as a request.
        if isEncrypted { state.deadline = .now + core.configuration.receiveTimeout }
        if reserve != nil { state.deadline = .now + min(core.configuration.receiveTimeout, Self.reservePatience) }
        self.state = Mutex(state)
    }

    /// How long a connection in the reserve may stay silent: others wait for its place.
    private static let reservePatience: Duration = .seconds(5)

    /// The daemon has come to the next request. Returns its head; nil where none was read that would stand before the daemon so.
    func requestStarted(_ exchange: Exchange, target: String, id: String) -> RequestHead? {
        state.withLock {
            $0.exchange = exchange
            guard let next = $0.heads.first, next.target == target else { return nil }
            $0.heads.removeFirst()
            var head = next.head
            head.entrance = entrance
            $0.head = head
            $0.requestID = head.saneRequestID ?? id
            return head
        }
    }

    /// The answer to the request under way where the server refuses it.
    func rendered(_ refusal: Refusal) -> Response { core.rendered(refusal, state.withLock { $0.head }) }

    /// Ends the receiving; false where the request was cut off and answered before.
    /// - Parameter lingers: the answer comes before the body was read to its end.
    func endReceiving(lingers: Bool = false) -> Bool {
        state.withLock {
            guard $0.cutStatus == nil else { return false }
            $0.deadline = nil
            $0.pace = nil
            $0.lingers = lingers
            return true
        }
    }

    /// Whether the request was cut off and answered.
    var cutStatus: Int? { state.withLock { $0.cutStatus } }

    /// The request is over.
    /// - Parameter isKnown: whether the reader saw it begin.
    func requestFinished(isKnown: Bool) {
        state.withLock {
            $0.exchange = nil
            $0.head = nil
            $0.requestID = nil
            if isKnown { $0.ended += 1 }
            guard $0.cutStatus == nil else { return }
            if let violation = $0.violation {
                if $0.isLastRequestNext { cut(&$0, violation) }
            } else if $0.reader.begun > $0.ended {
                // It waited for this one: its time counts from here.
                let now = ContinuousClock.now
                $0.deadline = now + core.configuration.receiveTimeout
                if $0.pace != nil { $0.pace = (now, 0) }
            }
        }
    }

    /// Cuts off a request that is past its deadline, or too slow, and lets go of a client that has closed its side without the daemon's
    /// notice. (Its epoll is edge-triggered: where a FIN comes together with the last bytes, it reads those and never sees the FIN.)
    func inspect(at now: ContinuousClock.Instant) {
        state.withLock {
            guard $0.isOpen, $0.cutStatus == nil, $0.exchange == nil || $0.deadline != nil else { return }
            let configuration = core.configuration
            if let deadline = $0.deadline, deadline <= now {
                cut(&$0, reserve ?? .requestTimeout(configuration.receiveTimeout))
            } else if let pace = $0.pace, $0.deadline != nil, now - pace.since >= configuration.uploadGrace {
                let expected = Double(configuration.uploadRate) * ((now - pace.since) / .seconds(1))
                if Double(pace.bytes) < expected {
                    cut(&$0, .uploadTooSlow(rate: configuration.uploadRate))
                } else {
                    $0.pace = (now, 0)
                }
            } else if $0.outbox.isEmpty, $0.heads.isEmpty, peerHasClosed(socket), !hasUnreadBytes(socket) {
                // Seen twice with no request in between: whatever the daemon had already read is dealt with.
                if $0.closedByClientAt == $0.reader.begun { shutdown(socket, Int32(SHUT_RDWR)) }
                $0.closedByClientAt = $0.reader.begun
            }
        }
    }

    /// Ends whatever this connection is doing because the server goes away: a request that is still arriving and one
    /// that is worked on are answered; one that is answered goes its way.
    func shutDown(_ refusal: Refusal) {
        let exchange: Exchange? = state.withLock {
            if $0.isOpen, $0.deadline != nil, $0.reader.begun > $0.ended { cut(&$0, refusal) }
            return $0.exchange
        }
        exchange?.refuse(refusal)
    }

    /// Makes way for another in the reserve; false where a probe is being answered.
    func giveWay() -> Bool {
        state.withLock {
            guard $0.isOpen, $0.exchange == nil, $0.heads.isEmpty, let reserve else { return false }
            if $0.cutStatus == nil { cut(&$0, reserve) }
            return true
        }
    }

    /// Answers the request being received, beside the daemon, and makes that close the connection.
    /// - Parameters:
    ///   - isReading: whether the daemon is just reading, and told of the input's end by that.
    ///   - session: where TLS is spoken, and the daemon is just reading.
    func cut(_ state: inout State, _ refusal: Refusal, isReading: Bool = false, session: TLSSession? = nil) {
        let head = state.head ?? state.heads.first?.head ?? state.reader.incompleteHead
        let response = core.rendered(refusal, state.head ?? state.heads.first?.head)
        let id = state.requestID ?? head?.saneRequestID ?? RequestID.next()
        state.deadline = nil
        state.cutStatus = refusal.status
        state.lingers = true
        // Under the lock, which endReceiving takes: nothing else answers this request.
        let bytes = response.wire(id: id, isHead: head?.method == "HEAD")
        if let session {
            session.send(bytes)
        } else if isEncrypted {
            // The daemon's thread may be sending on the session: it is woken, and says this itself.
            state.farewell = bytes
            shutdown(socket, Int32(SHUT_RD))
            return
        } else {
            sendNow(bytes, to: socket)
        }
        // The daemon sees the end of the input and closes.
        if !isReading { shutdown(socket, Int32(SHUT_RDWR)) }
    }

    /// Whether the server still has to do with this connection: a request has begun, or its bytes wait to be read.
    ///
    /// No moment lies between the two: bytes leave the socket under the lock under which the reader takes them, and a request counts
    /// from its first byte until its end.
    var isBusy: Bool {
        state.withLock {
            guard $0.isOpen else { return false }
            return $0.exchange != nil || $0.reader.begun > $0.ended
                || ($0.cutStatus == nil && !$0.reader.hasEnded && hasUnreadBytes(socket))
        }
    }

    /// What is left of a connection when it closes.
    struct Remains {
        /// A duplicate of the socket where what the client still sends has to be read away: closing a socket with unread bytes
        /// resets it, and a reset takes the answer from the client.
        var socket: Int32?
        /// Requests that began and that the daemon never came to; with the status sent to the last, if one was.
        var requests: [(head: RequestHead, id: String?)] = []
        var cutStatus: Int?
    }

    /// The daemon is about to close the socket.
    func close() -> Remains {
        state.withLock {
            $0.isOpen = false
            $0.deadline = nil
            var remains = Remains(cutStatus: $0.cutStatus)
            remains.requests = $0.heads.map { ($0.head, $0.head.saneRequestID) }
            if let head = $0.reader.incompleteHead { remains.requests.append((head, $0.requestID)) }
            $0.heads = []
            guard $0.lingers || hasUnreadBytes(socket) else { return remains }
            let copy = dup(socket)
            if copy >= 0 { remains.socket = copy }
            return remains
        }
    }
}

extension Connection.State {
    /// Whether all requests are over but the last that began.
    var isLastRequestNext: Bool { ended == reader.begun - 1 }
}
