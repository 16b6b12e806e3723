import Glibc

/// What stands for the address of a client that came by a Unix-domain socket: they are all this machine's.
let localClient = "local"

/// Whether a listening socket is a Unix-domain one.
func isLocal(_ socket: Int32) -> Bool { family(of: socket) == sa_family_t(AF_UNIX) }

/// Listens on a Unix-domain socket. One that a program left behind, which nobody listens on, is replaced.
///
/// - Parameter path: who may write to it may ask: that is for the umask, or its folder's mode, to say.
func bindLocal(_ path: String) throws -> Int32 {
    func failure(_ what: String) -> ServerError { ServerError(message: "Cannot listen on the socket \(path): \(what)") }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    // With its terminating zero.
    guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
        throw failure("a path has 1 to \(MemoryLayout.size(ofValue: address.sun_path) - 1) bytes.")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    func call(_ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ socket: Int32) -> Int32 {
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { function(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
    func open() throws -> Int32 {
        let made = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard made >= 0 else { throw failure("\(errorText(errno)).") }
        return made
    }
    let probe = try open()
    let isStale = call({ connect($0, $1, $2) }, probe) != 0 && errno == ECONNREFUSED
    closeSocket(probe)
    var found = stat()
    if isStale, lstat(path, &found) == 0, found.st_mode & S_IFMT == S_IFSOCK { unlink(path) }
    let listener = try open()
    guard call({ bind($0, $1, $2) }, listener) == 0, listen(listener, 4096) == 0 else {
        let number = errno
        closeSocket(listener)
        throw failure(
            number == EADDRINUSE ? "another program listens there, or it is no socket; take another path." : "\(errorText(number)).")
    }
    return listener
}

/// Holds a descriptor that another program opened against what is needed of it: a stream socket that listens.
///
/// - Returns: its TCP port; 0 for a Unix-domain socket.
func adopt(_ socket: Int32) throws -> UInt16 {
    func option(_ name: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(socket, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }
    let known: [sa_family_t] = [sa_family_t(AF_INET), sa_family_t(AF_INET6), sa_family_t(AF_UNIX)]
    let isListening = option(SO_ACCEPTCONN) == 1 && option(SO_TYPE) == Int32(SOCK_STREAM.rawValue)
    guard isListening, let family = family(of: socket), known.contains(family) else {
        throw ServerError(
            message: "The descriptor \(socket) that the program was started with (LISTEN_FDS) is no stream socket that listens; "
                + "the unit needs ListenStream= and Accept=no.")
    }
    _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK)
    _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
    guard family != sa_family_t(AF_UNIX) else { return 0 }
    // The port stands at the same place in both families.
    return withName(of: socket) { name in
        name.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { UInt16(bigEndian: $0.pointee.sin_port) }
    } ?? 0
}

private func family(of socket: Int32) -> sa_family_t? { withName(of: socket) { $0.pointee.sa_family } }

private func withName<Result>(of socket: Int32, _ body: (UnsafePointer<sockaddr>) -> Result) -> Result? {
    var name = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &name) { storage in
        storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) == 0 ? body($0) : nil }
    }
}
