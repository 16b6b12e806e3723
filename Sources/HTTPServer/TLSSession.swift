import CGnuTLS
import CReceiveHook
import Glibc

/// The encrypted side of a connection. Confined to the thread that serves it: GnuTLS lets no other send on it meanwhile.
struct TLSSession {
    let pointer: OpaquePointer

    /// As `recvfrom` does: −1 with `errno`, 0 at the end.
    func receive(_ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
        let received = tls_receive(UnsafeMutableRawPointer(pointer), buffer, count)
        if received >= 0 { return received }
        switch Int32(received) {
        case GNUTLS_E_AGAIN, GNUTLS_E_INTERRUPTED: errno = EAGAIN
        // A client that closes without saying so: what it sent before stands.
        case GNUTLS_E_PREMATURE_TERMINATION: return 0
        // An alert, a renegotiation, bytes that nobody who knows the keys has sent.
        default: errno = ECONNRESET
        }
        return -1
    }

    /// Sends these few bytes, as far as they fit.
    func send(_ bytes: [UInt8]) { _ = gnutls_record_send(pointer, bytes, bytes.count) }
}
