import CMicroHTTPD
import Glibc

/// Whether the peer of this socket has closed, half-closed or reset the connection.
func peerHasClosed(_ socket: Int32) -> Bool {
    let closed = poll_peer_closed() | Int16(POLLHUP) | Int16(POLLERR)
    var entry = pollfd(fd: socket, events: poll_peer_closed(), revents: 0)
    return poll(&entry, 1, 0) > 0 && entry.revents & closed != 0
}

/// Whether bytes wait in this socket to be read.
func hasUnreadBytes(_ socket: Int32) -> Bool {
    var byte: UInt8 = 0
    return recvfrom(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT), nil, nil) > 0
}

/// Sends these few bytes without waiting; false where not all of them fitted.
@discardableResult
func sendNow(_ bytes: [UInt8], to socket: Int32) -> Bool {
    send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) == bytes.count
}

/// What the C library says about an error number.
func errorText(_ number: Int32) -> String { String(cString: strerror(number)) }

/// The numeric form of a socket address; an IPv4 address mapped into IPv6 as the IPv4 address it is.
func addressText(_ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> String {
    var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    guard getnameinfo(address, length, &buffer, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST) == 0 else { return "unknown" }
    let text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return text.hasPrefix("::ffff:") && text.contains(".") ? String(text.dropFirst(7)) : text
}

/// Wakes a thread that polls.
final class WakeUp: Sendable {
    let descriptor: Int32

    init() throws {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        guard descriptor >= 0 else {
            throw ServerError(message: "Cannot make an event descriptor: \(errorText(errno)). Raise the limit of open files.")
        }
    }

    deinit { close(descriptor) }

    func signal() {
        // Fails only where the counter is full, and then the thread is awake anyway.
        _ = eventfd_write(descriptor, 1)
    }

    func clear() {
        var value: eventfd_t = 0
        // Fails only where nothing had been signalled.
        _ = eventfd_read(descriptor, &value)
    }
}

/// Closes a socket that is ours; nothing is to be done about a failure, and the descriptor is gone either way.
func closeSocket(_ socket: Int32) { _ = close(socket) }
