import CCURL
import Glibc

/// Sends a request on a connection of its own and closes it at once. What goes wrong is no concern of a client that leaves.
final class LeavingClient {
    private let socket: Socket
    private let loop: EventLoop
    private let head: [UInt8]
    private let body: RequestBody
    private var sent = 0

    private init(_ socket: Socket, _ loop: EventLoop, head: [UInt8], body: RequestBody) {
        self.socket = socket
        self.loop = loop
        self.head = head
        self.body = body
    }

    /// - Parameter left: is told once it has hung up; it never is before this has returned.
    static func start(
        _ target: LoadTarget, at address: SocketAddress, _ body: RequestBody, on loop: EventLoop, left: @escaping () -> Void
    ) -> Bool {
        guard let socket = Socket(address) else { return false }
        let client = LeavingClient(socket, loop, head: Array(target.head(contentLength: body.bytes.count).utf8), body: body)
        // The loop keeps it until then.
        return loop.watch(socket.descriptor, EPOLLOUT.rawValue) { _ in
            guard client.sendRest() else { return }
            loop.forget(socket.descriptor)
            left()
        }
    }

    /// - Returns: whether that was all: sent means given to the system.
    private func sendRest() -> Bool {
        while sent < head.count + body.bytes.count {
            let count =
                sent < head.count
                ? head[sent...].withUnsafeBytes(socket.send)
                : socket.send(UnsafeRawBufferPointer(rebasing: body.bytes[(sent - head.count)...]))
            guard count >= 0 else { return errno != EAGAIN && errno != EINTR }
            sent += count
        }
        return true
    }
}
