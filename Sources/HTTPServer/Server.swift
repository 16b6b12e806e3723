import CMicroHTTPD
import Glibc
import Threads

/// An HTTP/1.1 server: takes requests with their whole body, hands them on without waiting for the answer, and sends
/// the answer when it comes. Knows nothing of what is served.
///
/// It starts in `init` and goes down in stages: ``stopAccepting()``, ``drain(timeout:)``, ``stop()``. None of these
/// may be called from the closures given to `init`.
public final class Server: Sendable {
    private struct Running {
        var daemons: [DaemonHandle]
        var acceptor: WorkerThread?
        var reaper: WorkerThread?
        var isStopped = false
    }

    let core: ServerCore
    private let listener: Listener
    private let running: Mutex<Running>

    /// Starts listening; requests come from now on.
    /// - Parameters:
    ///   - render: makes the answer to a request that the server refuses by itself; the head is nil where it never
    ///     became complete. Called with locks held, on any thread: it must not block, nor call the server.
    ///   - refusal: called once the head is complete, before the body and before `100 Continue`; an answer refuses the
    ///     request. It is given at once, and the connection closed, where the client waits for `100 Continue` or the
    ///     body may be large; a small body is passed over, and the connection kept.
    ///   - handle: called with the complete request, on an HTTP thread: it must not block. The responder may be
    ///     called at once, or later from any thread.
    ///   - completed: called when a request is over, on an HTTP thread: it must not block.
    /// - Throws: ``ServerError`` where the configuration does not hold or the address cannot be listened on.
    public init(
        configuration: ServerConfiguration,
        render: @escaping @Sendable (Refusal, RequestHead?) -> Response,
        refusal: @escaping @Sendable (RequestHead) -> Response?,
        handle: @escaping @Sendable (Request, Responder) -> Void,
        completed: @escaping @Sendable (CompletedRequest) -> Void
    ) throws {
        try configuration.validate()
        let registry = Registry(bodyMemory: BodyMemory(configuration))
        let reaper = try Reaper(registry: registry, period: min(configuration.receiveTimeout, configuration.uploadGrace) / 8)
        core = ServerCore(
            configuration: configuration, registry: registry, reaper: reaper, render: render, refusal: refusal, handle: handle,
            completed: completed)
        listener = try Listener(configuration)
        var daemons: [DaemonHandle] = []
        var reaperThread: WorkerThread?
        do {
            for _ in 0..<configuration.threads { daemons.append(try startDaemon(core, tls: configuration.tls)) }
            let encrypted = configuration.tls == nil ? [] : daemons
            // Probes come unencrypted: whoever asks holds no certificate against anything.
            if configuration.tls != nil, listener.hasPlain { daemons.append(try startDaemon(core, tls: nil)) }
            reaperThread = try WorkerThread("http reaper") { reaper.run() }
            let acceptor = try WorkerThread("http acceptor") { [core, listener, daemons] in
                accept(from: listener, for: core, encrypted: encrypted, plain: Array(daemons.dropFirst(encrypted.count)))
            }
            running = Mutex(Running(daemons: daemons, acceptor: acceptor, reaper: reaperThread))
        } catch {
            for daemon in daemons { MHD_stop_daemon(daemon.pointer) }
            reaper.stop()
            reaperThread?.join()
            listener.close()
            throw error
        }
    }

    deinit { stop() }

    /// The port listened on: the configured one, or the one found where that was 0; 0 where only a Unix-domain socket is listened on.
    public var port: UInt16 { listener.port }

    /// The port for probes alone, where there is one.
    public var probePort: UInt16? { listener.otherPorts[.probes] }

    /// The port for who runs the server, where there is one.
    public var adminPort: UInt16? { listener.otherPorts[.admin] }

    /// What the server counts by itself.
    public var statistics: ServerStatistics { core.registry.statistics }

    /// Closes the listening sockets, once the connections that wait there are taken in. Requests on open connections
    /// are still served, and the connections closed after their next answer.
    public func stopAccepting() {
        core.registry.isDraining = true
        listener.stop()
        let acceptor = running.withLock { running in
            defer { running.acceptor = nil }
            return running.acceptor
        }
        acceptor?.join()
    }

    /// Waits until no request is unanswered and every answer has gone out; false where `timeout` came first.
    /// To be called after ``stopAccepting()``: a busy server is never quiet.
    ///
    /// - Parameter silence: how long nothing may come over the connections that are still open until they are taken for idle: a client
    ///   that knows nothing of the end may be about to send its next request.
    public func drain(timeout: Duration, silence: Duration = .milliseconds(500)) -> Bool {
        let deadline = ContinuousClock.now + timeout
        var quietSince: ContinuousClock.Instant?
        while true {
            let now = ContinuousClock.now
            if core.registry.isQuiet {
                let since = quietSince ?? now
                if core.registry.connections.isEmpty || now - since >= silence { return true }
                quietSince = since
            } else {
                quietSince = nil
            }
            if now >= deadline { return quietSince != nil }
            usleep(2000)
        }
    }

    /// Ends the server. Requests still unanswered are answered 503 first, and given two seconds to go out.
    public func stop() {
        stopAccepting()
        let isFirst = running.withLock { running in
            defer { running.isStopped = true }
            return !running.isStopped
        }
        guard isFirst else { return }
        core.registry.isStopping = true
        for connection in core.registry.connections { connection.shutDown(.shuttingDown) }
        _ = drain(timeout: .seconds(2), silence: .zero)
        let (daemons, reaper) = running.withLock { running in
            defer { running.daemons = [] }
            return (running.daemons, running.reaper)
        }
        // None has a suspended connection any more: each was answered above, and no new one reaches the handler.
        for daemon in daemons { MHD_stop_daemon(daemon.pointer) }
        // Those that came so late that no daemon took them up.
        for connection in core.registry.connections { core.registry.remove(connection) }
        core.reaper.stop()
        reaper?.join()
    }
}

/// What the server's threads share.
final class ServerCore: Sendable {
    let configuration: ServerConfiguration
    let registry: Registry
    let reaper: Reaper
    let render: @Sendable (Refusal, RequestHead?) -> Response
    let refusal: @Sendable (RequestHead) -> Response?
    let handle: @Sendable (Request, Responder) -> Void
    let completed: @Sendable (CompletedRequest) -> Void

    init(
        configuration: ServerConfiguration, registry: Registry, reaper: Reaper,
        render: @escaping @Sendable (Refusal, RequestHead?) -> Response,
        refusal: @escaping @Sendable (RequestHead) -> Response?, handle: @escaping @Sendable (Request, Responder) -> Void,
        completed: @escaping @Sendable (CompletedRequest) -> Void
    ) {
        self.configuration = configuration
        self.registry = registry
        self.reaper = reaper
        self.render = render
        self.refusal = refusal
        self.handle = handle
        self.completed = completed
    }
}

extension ServerCore {
    /// The answer to a request that the server refuses by itself, which is counted.
    func rendered(_ refusal: Refusal, _ head: RequestHead?) -> Response {
        registry.count(refusal)
        return render(refusal, head)
    }

    /// Reports a request that ended with its connection before the daemon came to it.
    func endUnserved(_ request: (head: RequestHead, id: String?), cutStatus: Int?) {
        completed(
            CompletedRequest(
                head: request.head, id: request.id ?? RequestID.next(), status: cutStatus ?? 499, delivered: cutStatus != nil,
                bytesReceived: 0, bytesSent: 0, received: nil, duration: .now - request.head.began, context: nil))
        registry.requestFinished()
    }

    /// Whether the reserve is there for a request that came in there.
    func isReserved(for head: RequestHead, at entrance: Entrance) -> Bool { entrance == .admin || isProbe(head) }

    private func isProbe(_ head: RequestHead) -> Bool {
        (head.method == "GET" || head.method == "HEAD") && !head.announcesBody && configuration.probePaths.contains(head.path)
    }
}

/// The acceptor's whole life: deals the connections out to the daemons in turn.
private func accept(from listener: Listener, for core: ServerCore, encrypted: [DaemonHandle], plain: [DaemonHandle]) {
    var turn = 0
    let configuration = core.configuration
    listener.run { socket, client, entrance in
        let isEncrypted = !encrypted.isEmpty && entrance != .probes && client != localClient
        let reserve: Refusal? =
            switch entrance {
            case .main: core.registry.refusal(for: client, configuration)
            case .probes: .onlyProbes
            case .admin: .tooManyConnections
            }
        let connection = Connection(
            core: core, socket: socket, client: client, entrance: entrance, reserve: reserve, isEncrypted: isEncrypted)
        guard core.registry.add(connection, reserve: configuration.probeReserve) else {
            let response = core.rendered(reserve ?? .tooManyConnections, nil)
            // Before the handshake there is no way to say it.
            if !isEncrypted { sendNow(response.wire(id: RequestID.next()), to: socket) }
            core.reaper.linger(socket)
            return
        }
        let daemons = isEncrypted ? encrypted : plain
        turn = (turn + 1) % daemons.count
        // Where the daemon cannot take it, it has closed the socket.
        if !daemons[turn].add(socket: socket) { core.registry.remove(connection) }
    } starved: {
        core.registry.countStarvedAccept()
    }
}
