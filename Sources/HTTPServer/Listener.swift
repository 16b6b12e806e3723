import Glibc

import struct Synchronization.Atomic

/// The listening sockets and the thread that accepts on them.
///
/// Ours rather than the daemon's: in libmicrohttpd 0.9.75 MHD_quiesce_daemon and a worker that notices the quiescing
/// both take the listening socket out of the worker's epoll set, and the one that comes second aborts the process.
/// Besides, this way clients over the connection limit get an answer, and those waiting in the kernel's queue when
/// the server stops accepting are still taken in.
final class Listener: Sendable {
    /// The port that was bound.
    let port: UInt16
    /// The ports besides it that were bound.
    let otherPorts: [Entrance: UInt16]
    private let sockets: [(descriptor: Int32, entrance: Entrance)]
    private let wake: WakeUp
    private let isStopped = Atomic<Bool>(false)

    /// Of the Unix-domain socket that was made here, to be removed.
    private let path: String?

    init(_ configuration: ServerConfiguration) throws {
        wake = try WakeUp()
        path = configuration.inheritedSockets.isEmpty ? configuration.socketPath : nil
        var bound: (sockets: [Int32], port: UInt16)
        if !configuration.inheritedSockets.isEmpty {
            let inherited = configuration.inheritedSockets
            bound = (inherited, try inherited.map(adopt).first { $0 > 0 } ?? 0)
        } else if let path {
            bound = ([try bindLocal(path)], 0)
        } else {
            bound = try bindAll(host: configuration.host, port: configuration.port)
        }
        port = bound.port
        var (sockets, otherPorts) = (bound.sockets.map { ($0, Entrance.main) }, [Entrance: UInt16]())
        do {
            for (entrance, port) in [(Entrance.probes, configuration.probePort), (.admin, configuration.adminPort)] {
                guard let port else { continue }
                bound = try bindAll(host: configuration.host, port: port)
                sockets += bound.sockets.map { ($0, entrance) }
                otherPorts[entrance] = bound.port
            }
        } catch {
            for (socket, _) in sockets { closeSocket(socket) }
            if let path { unlink(path) }
            throw error
        }
        // Whoever holds the main port's connections, the others are looked at first.
        self.sockets = sockets.reversed()
        self.otherPorts = otherPorts
    }

    /// Whether connections come that are not encrypted in any case.
    var hasPlain: Bool { sockets.contains { $0.entrance == .probes || isLocal($0.descriptor) } }

    func stop() {
        isStopped.store(true, ordering: .sequentiallyConsistent)
        wake.signal()
    }

    /// Closes sockets that no thread came to accept on.
    func close() {
        for (socket, _) in sockets { closeSocket(socket) }
        if let path { unlink(path) }
    }

    /// The thread's whole life: hands every new connection to `take`, until stopped; what waits by then is still
    /// taken, then the listening sockets are closed.
    /// - Parameters:
    ///   - take: gets the socket, the peer's address, and where it came in.
    ///   - starved: called where the process has no descriptors or memory left for a connection.
    func run(take: (Int32, String, Entrance) -> Void, starved: () -> Void) {
        while true {
            let isLast = isStopped.load(ordering: .sequentiallyConsistent)
            var isStarved = false
            for (socket, entrance) in sockets { isStarved = acceptAll(on: socket) { take($0, $1, entrance) } || isStarved }
            if isStarved { starved() }
            if isLast { break }
            // Out of descriptors the sockets would stay ready for ever: wait a little for some to come back.
            var entries = [pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0)]
            if !isStarved { entries += sockets.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) } }
            // A failure (only EINTR is possible here) is an early wake-up.
            _ = poll(&entries, nfds_t(entries.count), isStarved ? 50 : -1)
        }
        close()
    }

    /// Takes what waits; true where the process has no descriptors or memory left for more.
    private func acceptAll(on listener: Int32, take: (Int32, String) -> Void) -> Bool {
        while true {
            var address = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let (socket, client) = withUnsafeMutableBytes(of: &address) { bytes -> (Int32, String) in
                guard let raw = bytes.baseAddress else { return (-1, "") }
                let pointer = raw.assumingMemoryBound(to: sockaddr.self)
                let socket = accept(listener, pointer, &length)
                guard socket >= 0 else { return (socket, "") }
                return (socket, pointer.pointee.sa_family == sa_family_t(AF_UNIX) ? localClient : addressText(pointer, length))
            }
            if socket >= 0 {
                // Fails only on a descriptor that is none.
                _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
                take(socket, client)
                continue
            }
            switch errno {
            case EAGAIN: return false
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return true
            default: continue  // That one client has gone meanwhile, or a signal came.
            }
        }
    }
}

/// Listens on every address the host name has.
private func bindAll(host: String, port: UInt16) throws -> (sockets: [Int32], port: UInt16) {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_PASSIVE
    var list: UnsafeMutablePointer<addrinfo>?
    let status = host.isEmpty ? EAI_NONAME : getaddrinfo(host, String(port), &hints, &list)
    guard status == 0 else {
        throw ServerError(
            message: "Cannot listen on the host '\(host)': \(String(cString: gai_strerror(status))). "
                + "Give an address of this machine, 'localhost', '0.0.0.0' or '::'.")
    }
    defer { freeaddrinfo(list) }
    var sockets: [Int32] = []
    var bound = port
    var seen: Set<String> = []
    var failure: (address: String, error: Int32)?
    for entry in sequence(first: list, next: { $0?.pointee.ai_next }) {
        guard let info = entry?.pointee, let address = info.ai_addr else { continue }
        let text = addressText(address, info.ai_addrlen)
        guard seen.insert(text).inserted else { continue }
        do {
            let (socket, port) = try bindOne(info, address, port: bound, bothFamilies: text == "::")
            sockets.append(socket)
            bound = port
        } catch {
            failure = (text, error.number)
            // A family that this machine lacks is no failure while another address works; a taken port is one.
            if error.number == EADDRINUSE || error.number == EACCES { break }
        }
    }
    let isFatal = failure.map { $0.error == EADDRINUSE || $0.error == EACCES } ?? false
    guard !sockets.isEmpty, !isFatal else {
        for socket in sockets { _ = close(socket) }
        throw bindError(address: failure?.address ?? host, port: bound, number: failure?.error ?? EADDRNOTAVAIL)
    }
    return (sockets, bound)
}

private struct SystemError: Error { var number: Int32 }

private func bindOne(
    _ info: addrinfo, _ address: UnsafeMutablePointer<sockaddr>, port: UInt16, bothFamilies: Bool
) throws(SystemError) -> (socket: Int32, port: UInt16) {
    let listener = socket(info.ai_family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard listener >= 0 else { throw SystemError(number: errno) }
    func check(_ result: Int32) throws(SystemError) {
        guard result == 0 else {
            let number = errno
            _ = close(listener)
            throw SystemError(number: number)
        }
    }
    func set(_ level: Int32, _ option: Int32, _ value: Int32) throws(SystemError) {
        var value = value
        try check(setsockopt(listener, level, option, &value, socklen_t(MemoryLayout<Int32>.size)))
    }
    // A restarted server gets its port back at once, in spite of connections of the one before.
    try set(SOL_SOCKET, SO_REUSEADDR, 1)
    if info.ai_family == AF_INET6 { try set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, bothFamilies ? 0 : 1) }
    // The second address of a name takes the port that the first one was given.
    if info.ai_family == AF_INET6 {
        address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { $0.pointee.sin6_port = port.bigEndian }
    } else {
        address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_port = port.bigEndian }
    }
    try check(bind(listener, address, info.ai_addrlen))
    // The kernel lowers this to its own limit.
    try check(listen(listener, 4096))
    var name = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let (result, bound) = withUnsafeMutableBytes(of: &name) { bytes -> (Int32, UInt16) in
        guard let base = bytes.baseAddress else { return (-1, 0) }
        let result = getsockname(listener, base.assumingMemoryBound(to: sockaddr.self), &length)
        // The port stands at the same place in both families.
        return (result, UInt16(bigEndian: base.assumingMemoryBound(to: sockaddr_in.self).pointee.sin_port))
    }
    try check(result)
    return (listener, bound)
}

private func bindError(address: String, port: UInt16, number: Int32) -> ServerError {
    let place = address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    let advice =
        switch number {
        case EADDRINUSE: "The port is in use by another program: stop that one, or take another port."
        case EACCES: "This user may not use the port: take one from 1024 up."
        case EADDRNOTAVAIL: "The address is not one of this machine: give one that is, or 0.0.0.0 for all."
        default: "The system says: \(errorText(number))."
        }
    return ServerError(message: "Cannot listen on \(place). \(advice)")
}
