import CGnuTLS
import CReceiveHook
import Glibc
import Threads

// How a connection's bytes pass our reader before the daemon sees them.
//
// libmicrohttpd 0.9.75 has no hook between its socket and its parser. Looking at the socket first (MSG_PEEK) races with the daemon,
// and a socket pair in front of it costs a copy, two descriptors and a change of threads for each request. But it reads by `recv`
// alone, and by `gnutls_record_recv` over TLS, and a definition of that name in the executable takes the place of the library's, as the
// dynamic linker has it: an executable's symbols come first, and the static linker exports one that a library on its line refers to.
//
// Were it ever otherwise (a libmicrohttpd linked statically, `-Bsymbolic`), the daemon would report a request of which the reader
// knows nothing, and that is not served: see Refusal.unverified.

/// The connections whose bytes pass their reader, by socket: of all servers in the process, for `recv` knows no other name for them.
let receivers: Mutex<[Int32: Connection]> = {
    receive_hook_install(receive)
    tls_receive_hook_install(receiveDecrypted)
    return Mutex([:])
}()

/// What `recv` does from the first connection on.
private func receive(_ socket: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    // Over TLS these bytes are GnuTLS's.
    guard let connection = receivers.withLock({ $0[socket] }), !connection.isEncrypted else {
        return recvfrom(socket, buffer, count, 0, nil, nil)
    }
    return connection.receive(into: UnsafeMutableRawBufferPointer(start: buffer, count: count), session: nil)
}

/// What `gnutls_record_recv` does from the first connection on. The daemon calls it once the handshake is done.
private func receiveDecrypted(_ session: UnsafeMutableRawPointer?, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    guard let session, let connection = connection(of: OpaquePointer(session)), connection.isEncrypted else {
        return tls_receive(session, buffer, count)
    }
    let room = UnsafeMutableRawBufferPointer(start: buffer, count: count)
    let received = connection.receive(into: room, session: TLSSession(pointer: OpaquePointer(session)))
    if received >= 0 { return received }
    return Int(errno == EAGAIN || errno == EINTR ? GNUTLS_E_AGAIN : GNUTLS_E_PULL_ERROR)
}

/// The connection of a TLS session that is one of a daemon's.
func connection(of session: OpaquePointer) -> Connection? {
    let socket = gnutls_transport_get_int(session)
    return receivers.withLock { $0[socket] }
}
