import CCURL
import DequeModule
import Glibc

/// Clients that drip: a byte a second, each again and again from the start when the server has had enough.
final class SlowConnections {
    /// What comes drop by drop; what is before it is sent at once.
    private enum Part {
        case head, body
    }

    private final class Client {
        let drips: Part
        var socket: Socket?
        var started = ContinuousClock.now
        var isConnected = false
        /// Bytes that have dripped.
        var sent = 0
        /// What the server says before it closes, as far as its status is in it.
        var answer: [UInt8] = []

        init(_ drips: Part) { self.drips = drips }
    }

    /// Longer than any server waits.
    private static let bodyLength = 100_000

    private let address: SocketAddress
    private let head: [UInt8]
    private let loop: EventLoop
    private let recorder: LoadRecorder
    private let interval: Duration
    private var clients: [Client] = []
    /// Whose turn is when. All wait equally long, so they are in order.
    private var turns: Deque<(client: Client, time: ContinuousClock.Instant)> = []

    /// - Parameter count: one half drips the head, the other one the body.
    init(
        _ count: Int, _ target: LoadTarget, at address: SocketAddress, on loop: EventLoop, _ recorder: LoadRecorder,
        interval: Duration = .seconds(1)
    ) {
        self.address = address
        head = Array(target.head(contentLength: Self.bodyLength).utf8)
        self.loop = loop
        self.recorder = recorder
        self.interval = interval
        let now = ContinuousClock.now
        clients = (0..<count).map { Client($0 % 2 == 0 ? .head : .body) }
        turns = Deque(clients.map { ($0, now) })
    }

    /// When the next byte drips.
    var deadline: ContinuousClock.Instant? { turns.first?.time }

    /// Lets drip what is to drip by now.
    func drip(at now: ContinuousClock.Instant) {
        while let (client, time) = turns.first, time <= now {
            turns.removeFirst()
            turns.append((client, now + interval))
            if let socket = client.socket {
                if client.isConnected { drip(client, socket) }
            } else {
                open(client)
            }
        }
    }

    /// Hangs up everywhere.
    func stop() {
        for client in clients { if let socket = client.socket { close(client, socket, nil) } }
    }

    private func open(_ client: Client) {
        recorder.slowOpened()
        client.started = .now
        client.isConnected = false
        client.sent = 0
        client.answer = []
        guard let socket = Socket(address) else {
            return recorder.slowEnded(LoadOutcome(errno: errno), after: .now - client.started)
        }
        client.socket = socket
        loop.watch(socket.descriptor, EPOLLOUT.rawValue) { [unowned self, unowned client, unowned socket] _ in connected(client, socket) }
    }

    private func connected(_ client: Client, _ socket: Socket) {
        let error = socket.takeError()
        guard error == 0 else { return close(client, socket, LoadOutcome(errno: error)) }
        client.isConnected = true
        if client.drips == .body { _ = head.withUnsafeBytes(socket.send) }
        drip(client, socket)
        loop.watch(socket.descriptor, EPOLLIN.rawValue) { [unowned self, unowned client, unowned socket] _ in readable(client, socket) }
    }

    /// Where the server no longer reads, what it said is still to be read.
    private func drip(_ client: Client, _ socket: Socket) {
        let count = client.drips == .head ? head.count : Self.bodyLength
        guard client.sent < count else { return }
        let byte = client.drips == .head ? head[client.sent] : 0
        if withUnsafeBytes(of: byte, socket.send) == 1 { client.sent += 1 }
    }

    private func readable(_ client: Client, _ socket: Socket) {
        let bytes = socket.receive()
        if bytes == nil, errno == EAGAIN || errno == EINTR { return }
        guard let bytes, !bytes.isEmpty else {
            let error = bytes == nil ? errno : 0
            return close(client, socket, Self.status(client.answer) ?? LoadOutcome(errno: error))
        }
        client.answer += bytes.prefix(64 - min(64, client.answer.count))
    }

    private func close(_ client: Client, _ socket: Socket, _ outcome: LoadOutcome?) {
        loop.forget(socket.descriptor)
        client.socket = nil
        recorder.slowEnded(outcome, after: .now - client.started)
    }

    /// Of `HTTP/1.1 408 …`.
    private static func status(_ answer: [UInt8]) -> LoadOutcome? {
        String(decoding: answer, as: UTF8.self).split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { .status($0) }
    }
}
