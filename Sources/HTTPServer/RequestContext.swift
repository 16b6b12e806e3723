/// One request as the daemon's callbacks see it, from its line to its end. Confined to the thread that serves the
/// connection; what others may touch is in ``Exchange``.
final class RequestContext {
    /// What the daemon is to do next.
    enum Action {
        /// Go on reading, or leave the connection suspended.
        case proceed
        /// Send this.
        case answer(Response)
        /// Close the connection: the answer, where there could be one, is already out.
        case close
    }

    let core: ServerCore
    let id: String
    private let connection: Connection
    private let exchange: Exchange
    /// Nil where the connection is not encrypted.
    private let session: TLSSession?
    /// Nil where the request came past the reader, and is not to be served.
    private let head: RequestHead?
    private let began: ContinuousClock.Instant
    /// Whether ``headArrived()`` was called.
    private(set) var hasHead = false
    private var upload: Upload?
    private var parts: [Part] = []
    private var bytesReceived = 0
    private var received: Duration?
    /// Why a request is refused: said at the end of its body, so that it keeps its connection.
    private var refusal: Response?
    /// The largest body that is passed over rather than cut off. With an early answer the daemon ends its side of the connection, which
    /// many clients in the middle of a photograph take for a failure before they look at the answer.
    private static let passedOver = 8 << 20
    /// What was or is being sent: in words for the completion, without the body.
    private var sent: (status: Int, bodyCount: Int, context: (any Sendable)?)?
    /// Whether the answer has gone out beside the daemon.
    private var isSentDirectly = false
    private var isHandedOver = false

    /// - Parameter target: what the daemon takes for the request's target.
    init(core: ServerCore, connection: Connection, exchange: Exchange, target: String, session: TLSSession?) {
        self.core = core
        self.connection = connection
        self.exchange = exchange
        self.session = session
        let made = RequestID.next()
        head = connection.requestStarted(exchange, target: target, id: made)
        id = head?.saneRequestID ?? made
        began = head?.began ?? .now
        if head == nil { core.registry.requestsStarted(1) }
    }

    /// Whether the connection is to be closed after the answer.
    var endsConnection: Bool { head == nil || core.registry.isDraining }

    /// The head is complete: everything that can be refused now is.
    func headArrived() -> Action {
        hasHead = true
        guard let head else { return refuseEarly(rendered(.unverified)) }
        do throws(Refusal) {
            if core.registry.isStopping { throw .shuttingDown }
            let upload = try Upload(head: head, configuration: core.configuration, memory: core.registry.bodyMemory)
            if let answer = core.refusal(head) {
                let length = head.contentLength ?? (head.announcesBody ? .max : 0)
                guard length <= Self.passedOver, head.header("Expect") == nil else { return refuseEarly(answer) }
                refusal = answer
            } else {
                self.upload = upload
            }
            return connection.cutStatus == nil ? .proceed : .close
        } catch {
            return refuseEarly(rendered(error))
        }
    }

    /// Answers before the body: the daemon then neither asks for it (`100 Continue`) nor reads it, and closes.
    private func refuseEarly(_ response: Response) -> Action {
        guard connection.endReceiving(lingers: true) else { return .close }
        return .answer(response)
    }

    /// The next bytes of the body.
    func bodyArrived(_ bytes: UnsafeRawBufferPointer) -> Action {
        bytesReceived += bytes.count
        do throws(Refusal) {
            try upload?.append(bytes)
            return .proceed
        } catch {
            // Whoever reads the answer finds this body's memory free again.
            upload = nil
            // The daemon cannot send anything in the middle of a body, so this is sent beside it.
            guard connection.endReceiving(lingers: true) else { return .close }
            let response = rendered(error)
            if let session {
                session.send(response.wire(id: id))
                isSentDirectly = true
            } else {
                isSentDirectly = sendNow(response.wire(id: id), to: connection.socket)
            }
            willSend(response)
            return .close
        }
    }

    /// The request is complete, or was resumed with its answer.
    func requestArrived() -> Action {
        if isHandedOver { return exchange.answerOrSuspend().map { .answer($0) } ?? .proceed }
        guard connection.endReceiving() else { return .close }
        let received = ContinuousClock.now - began
        self.received = received
        if let refusal { return .answer(refusal) }
        guard let head else { return .close }
        do throws(Refusal) {
            let parts = try upload?.finish() ?? []
            upload = nil
            guard exchange.beginHandling(isStopping: { core.registry.isStopping }) else { throw .shuttingDown }
            isHandedOver = true
            let request = Request(head: head, id: id, parts: parts, received: received, exchange: exchange)
            core.handle(request, Responder(exchange))
            return exchange.answerOrSuspend().map { .answer($0) } ?? .proceed
        } catch {
            return .answer(rendered(error))
        }
    }

    /// The answer to this request where the server refuses it.
    func rendered(_ refusal: Refusal) -> Response { core.rendered(refusal, head) }

    /// Notes what is sent, for the completion.
    func willSend(_ response: Response) {
        sent = (response.status, head?.method == "HEAD" ? 0 : response.body.count, response.context)
    }

    /// The request is over.
    /// - Parameters:
    ///   - inFull: whether the daemon sent a whole answer.
    ///   - daemonStatus: the status the daemon sent, which may be one it found by itself; 0 for none.
    func finished(inFull: Bool, daemonStatus: Int) {
        exchange.finish()
        let now = ContinuousClock.now
        let cutStatus = connection.cutStatus
        let status = cutStatus ?? sent?.status ?? (daemonStatus > 0 ? daemonStatus : 499)
        let isDelivered = inFull || isSentDirectly || cutStatus != nil || (sent == nil && daemonStatus > 0)
        core.completed(
            CompletedRequest(
                head: head ?? RequestHead(unparsed: "", method: "", headers: [], client: connection.client, began: began), id: id,
                status: status,
                delivered: isDelivered, bytesReceived: bytesReceived,
                bytesSent: isDelivered && cutStatus == nil ? sent?.bodyCount ?? 0 : 0, received: received,
                duration: now - began, context: sent?.context))
        core.registry.requestFinished()
        connection.requestFinished(isKnown: head != nil)
    }
}
