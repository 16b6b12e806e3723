import CGnuTLS

@testable import HTTPServer

/// A client that speaks TLS and takes any certificate.
final class TLSClient {
    private let client: RawClient
    private let session: gnutls_session_t
    private let credentials: gnutls_certificate_credentials_t

    /// - Parameter version: what the client speaks, such as `TLS1.3`.
    init(port: UInt16, version: String? = nil, certificate: TestCertificate? = nil) throws {
        client = try RawClient(port: port)
        var (made, held): (gnutls_session_t?, gnutls_certificate_credentials_t?)
        try checkGnuTLS(gnutls_init(&made, UInt32(GNUTLS_CLIENT)))
        try checkGnuTLS(gnutls_certificate_allocate_credentials(&held))
        (session, credentials) = (made!, held!)
        let versions = version.map { ":-VERS-ALL:+VERS-\($0)" } ?? ""
        try checkGnuTLS(gnutls_priority_set_direct(session, "NORMAL\(versions)", nil))
        if let certificate {
            try checkGnuTLS(
                gnutls_certificate_set_x509_key_file(credentials, certificate.certificatePath, certificate.keyPath, GNUTLS_X509_FMT_PEM))
        }
        try checkGnuTLS(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credentials)))
        gnutls_transport_set_int2(session, client.socket, client.socket)
        var status: Int32 = 0
        repeat { status = gnutls_handshake(session) } while status < 0 && gnutls_error_is_fatal(status) == 0
        try checkGnuTLS(status)
    }

    deinit {
        gnutls_deinit(session)
        gnutls_certificate_free_credentials(credentials)
    }

    /// The server's certificate, in DER.
    var serverCertificate: [UInt8] {
        var count: UInt32 = 0
        guard let list = gnutls_certificate_get_peers(session, &count), count > 0 else { return [] }
        return Array(UnsafeBufferPointer(start: list[0].data, count: Int(list[0].size)))
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { gnutls_record_send(session, $0.baseAddress! + sent, $0.count - sent) }
            try checkGnuTLS(Int32(count))
            sent += count
        }
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    /// What comes until this text has, or the end.
    func read(until end: String? = nil) throws -> String {
        var (text, piece) = ("", [UInt8](repeating: 0, count: 4096))
        while end.map({ !text.contains($0) }) ?? true {
            let count = gnutls_record_recv(session, &piece, piece.count)
            if count == Int(GNUTLS_E_AGAIN) || count == Int(GNUTLS_E_INTERRUPTED) { continue }
            if count == 0 || count == Int(GNUTLS_E_PREMATURE_TERMINATION) { return text }
            try checkGnuTLS(Int32(count))
            text += String(decoding: piece.prefix(count), as: UTF8.self)
        }
        return text
    }

    /// A request on this connection, which is closed after it.
    func ask(_ method: String, _ path: String, body: [UInt8] = []) throws -> String {
        let length = body.isEmpty ? "" : "Content-Length: \(body.count)\r\n"
        try send(Array("\(method) \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(length)\r\n".utf8) + body)
        return try read()
    }
}
