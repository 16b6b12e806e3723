import CGnuTLS
import CMicroHTTPD
import Glibc

// Every function that C calls, and every reference that C holds. They are global functions on purpose: a closure
// literal can inherit an isolation that traps when C calls it from its own thread.
//
// What C holds:           retained by               released by
// the daemon's `cls`      nobody; DaemonHandle's owner keeps the core alive until MHD_stop_daemon has returned
// a connection's context  connectionChanged(STARTED)  connectionChanged(CLOSED)
// a request's context     nobody; the connection's context keeps it until requestCompleted, or CLOSED where that never comes

/// A running daemon with its one epoll thread.
// Sendable because of the calls made on it, MHD_add_connection is made by one thread only, and MHD_stop_daemon once,
// after that thread has ended.
struct DaemonHandle: @unchecked Sendable {
    let pointer: OpaquePointer
    // The daemon's callbacks get it unretained.
    private let core: ServerCore

    init(pointer: OpaquePointer, core: ServerCore) {
        self.pointer = pointer
        self.core = core
    }

    /// Hands over an accepted socket; false where the daemon could not take it, and closed it.
    func add(socket: Int32) -> Bool {
        // The daemon is told no address: all it would use it for is its own limit per address.
        var address = sockaddr()
        return MHD_add_connection(pointer, socket, &address, socklen_t(MemoryLayout<sockaddr>.size)) == .YES
    }
}

/// What is left of GnuTLS's defaults: TLS 1.3 and 1.2, with forward secrecy and authenticated ciphers alone.
private let tlsPriorities =
    "SECURE128:%SERVER_PRECEDENCE:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-AES-128-CBC:-AES-256-CBC:-AES-128-CCM:-AES-256-CCM"

/// - Parameter tls: nil for a daemon that speaks plain HTTP.
func startDaemon(_ core: ServerCore, tls: TLSCredentials?) throws -> DaemonHandle {
    let idleSeconds = core.configuration.idleTimeout.components
    let daemon = mhd_start_epoll_thread(
        Unmanaged.passUnretained(core).toOpaque(), requestAdvanced, requestLineArrived, requestCompleted, connectionChanged,
        // The heads that the daemon gets are short: this is for bodies on their way, and for the head of the answer.
        32 << 10,
        // Ours is kept by the registry; one that has just left it may still be the daemon's.
        UInt32(core.configuration.connectionLimit + core.configuration.probeReserve) * 2 + 64,
        UInt32(idleSeconds.seconds + (idleSeconds.attoseconds > 0 ? 1 : 0)),
        tls == nil ? nil : gnutls_retrieve_callback(certificateForHandshake), tlsPriorities, tls?.clientAuthorities)
    guard let daemon else {
        throw ServerError(message: "Cannot start an HTTP thread: \(errorText(errno)). Raise the limits of threads and open files.")
    }
    return DaemonHandle(pointer: daemon, core: core)
}

private func core(_ cls: UnsafeMutableRawPointer?) -> ServerCore? {
    cls.map { Unmanaged<ServerCore>.fromOpaque($0).takeUnretainedValue() }
}

/// A connection as the daemon's callbacks see it. Confined to the thread that serves it.
private final class ConnectionContext {
    let connection: Connection
    /// The request that the daemon has come to.
    var request: RequestContext?

    init(_ connection: Connection) { self.connection = connection }

    /// Ends the request, if there is one.
    func end(inFull: Bool, daemonStatus: Int) {
        request?.finished(inFull: inFull, daemonStatus: daemonStatus)
        request = nil
    }
}

private func context(of pointer: OpaquePointer) -> ConnectionContext? {
    mhd_connection_context(pointer).map { Unmanaged<ConnectionContext>.fromOpaque($0).takeUnretainedValue() }
}

/// A connection was opened or is about to be closed.
private func connectionChanged(
    _ cls: UnsafeMutableRawPointer?, _ pointer: OpaquePointer?, _ held: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    _ change: MHD_ConnectionNotificationCode
) {
    guard let core = core(cls), let pointer, let held else { return }
    if change == .CONNECTION_NOTIFY_STARTED {
        let connection = core.registry.start(socket: mhd_connection_socket(pointer))
        held.pointee = connection.map { Unmanaged.passRetained(ConnectionContext($0)).toOpaque() }
    } else if let opaque = held.pointee {
        held.pointee = nil
        let context = Unmanaged<ConnectionContext>.fromOpaque(opaque).takeRetainedValue()
        context.end(inFull: false, daemonStatus: 0)
        // Before the daemon closes the socket and its number can be given again.
        core.registry.remove(context.connection)
        let remains = context.connection.close()
        if let socket = remains.socket { core.reaper.linger(socket) }
        for request in remains.requests { core.endUnserved(request, cutStatus: remains.cutStatus) }
    }
}

/// The daemon has come to a request line; returns what the request's further callbacks get as their context.
private func requestLineArrived(
    _ cls: UnsafeMutableRawPointer?, _ target: UnsafePointer<CChar>?, _ pointer: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    guard let core = core(cls), let pointer, let context = context(of: pointer) else { return nil }
    // Where the daemon did not tell the end of the one before.
    context.end(inFull: false, daemonStatus: 0)
    let exchange = Exchange(connection: context.connection, handle: ConnectionHandle(pointer: pointer))
    let target = target.map { String(cString: $0) } ?? ""
    let request = RequestContext(
        core: core, connection: context.connection, exchange: exchange, target: target,
        session: mhd_connection_session(pointer).map { TLSSession(pointer: OpaquePointer($0)) })
    context.request = request
    return Unmanaged.passUnretained(request).toOpaque()
}

/// The head is complete, a piece of the body is here, the body is complete, or a suspended request was resumed.
private func requestAdvanced(
    _ cls: UnsafeMutableRawPointer?, _ pointer: OpaquePointer?, _ url: UnsafePointer<CChar>?, _ method: UnsafePointer<CChar>?,
    _ version: UnsafePointer<CChar>?, _ upload: UnsafePointer<CChar>?, _ uploadSize: UnsafeMutablePointer<Int>?,
    _ held: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let pointer, let uploadSize, let request = context(of: pointer)?.request else { return .NO }
    let action: RequestContext.Action
    if !request.hasHead {
        action = request.headArrived()
    } else if uploadSize.pointee > 0 {
        let bytes = UnsafeRawBufferPointer(start: upload, count: uploadSize.pointee)
        uploadSize.pointee = 0
        action = request.bodyArrived(bytes)
    } else {
        action = request.requestArrived()
    }
    switch action {
    case .proceed: return .YES
    case .close: return .NO
    case .answer(let response): return queue(response, on: pointer, for: request)
    }
}

/// Hands an answer to the daemon.
private func queue(_ response: Response, on pointer: OpaquePointer, for context: RequestContext) -> MHD_Result {
    var response = response
    var prepared = prepare(response, for: context)
    if prepared == nil {
        response = context.rendered(.unsendable)
        prepared = prepare(response, for: context)
    }
    guard let prepared else { return .NO }
    defer { MHD_destroy_response(prepared) }
    context.willSend(response)
    return MHD_queue_response(pointer, UInt32(response.status), prepared)
}

/// The daemon's form of an answer; nil where it cannot be sent as it is.
private func prepare(_ response: Response, for context: RequestContext) -> OpaquePointer? {
    guard (200...599).contains(response.status) else { return nil }
    // Copied: an array's storage may not be lent beyond a closure, and answers are small.
    let made = response.body.withUnsafeBytes {
        MHD_create_response_from_buffer($0.count, UnsafeMutableRawPointer(mutating: $0.baseAddress), .RESPMEM_MUST_COPY)
    }
    guard let made else { return nil }
    let own = ["Content-Length", "X-Request-Id", "Connection", "Date", "Transfer-Encoding"]
    var headers = response.headers.filter { header in !own.contains { equalIgnoringCase($0, header.0) } }
    headers.append(("X-Request-Id", context.id))
    if context.endsConnection { headers.append(("Connection", "close")) }
    for (name, value) in headers {
        let isSendable = isToken(name) && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        if !isSendable || MHD_add_response_header(made, name, value) != .YES {
            MHD_destroy_response(made)
            return nil
        }
    }
    return made
}

/// The answer has gone out, or the connection is lost.
private func requestCompleted(
    _ cls: UnsafeMutableRawPointer?, _ pointer: OpaquePointer?, _ held: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    _ reason: MHD_RequestTerminationCode
) {
    guard let pointer else { return }
    context(of: pointer)?.end(
        inFull: reason == .REQUEST_TERMINATED_COMPLETED_OK, daemonStatus: Int(mhd_response_status(pointer)))
}
