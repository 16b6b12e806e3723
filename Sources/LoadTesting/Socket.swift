import CCURL
import Glibc

/// Where a server listens, as the system takes it.
struct SocketAddress: Sendable {
    var family: Int32
    var bytes: [UInt8]

    /// - Throws: `LoadError` if there is no such host.
    static func resolve(_ host: String, _ port: Int) throws(LoadError) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        defer { if let first { freeaddrinfo(first) } }
        guard getaddrinfo(host, String(port), &hints, &first) == 0 else {
            throw LoadError("\(host):\(port): the host cannot be resolved")
        }
        return sequence(first: first, next: { $0?.pointee.ai_next }).prefix { $0 != nil }.compactMap { info in
            guard let info = info?.pointee, let address = info.ai_addr else { return nil }
            let bytes = UnsafeRawBufferPointer(start: address, count: Int(info.ai_addrlen))
            return SocketAddress(family: info.ai_family, bytes: Array(bytes))
        }
    }
}

/// A TCP connection without libcurl, for clients that do what no client should. Nothing on it waits.
final class Socket {
    let descriptor: Int32

    /// Begins to connect. What comes of it shows once the socket is writable.
    ///
    /// - Returns: nil if the system refuses, with the reason in `errno`.
    init?(_ address: SocketAddress) {
        descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        let status = address.bytes.withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { connect(descriptor, $0.baseAddress, socklen_t(bytes.count)) }
        }
        guard status == 0 || errno == EINPROGRESS else { return nil }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Why it could not connect, or broke; 0 if neither.
    func takeError() -> Int32 {
        var error: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno
    }

    /// Whether it is connected within that time; otherwise the reason is in `errno`.
    func isConnected(within timeout: Duration) -> Bool {
        var waited = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        let count = poll(&waited, 1, Int32(clamping: Int(timeout / .milliseconds(1))))
        errno = count == 0 ? ETIMEDOUT : count > 0 ? takeError() : errno
        return errno == 0
    }

    /// - Returns: how many bytes the system took; -1 with the reason in `errno` if none.
    func send(_ bytes: UnsafeRawBufferPointer) -> Int {
        Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// - Returns: what is there; empty at the end; nil with the reason in `errno` if there is nothing.
    func receive() -> [UInt8]? {
        var count = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, filled in
            count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            filled = max(0, count)
        }
        return count < 0 ? nil : bytes
    }
}
