import CGnuTLS
import Foundation

@testable import HTTPServer

/// A certificate and its key, made for one test, as files in PEM.
final class TestCertificate {
    let certificate: gnutls_x509_crt_t
    let key: gnutls_x509_privkey_t
    let folder = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID().uuidString)")
    var certificatePath: String { folder.appending(path: "certificate.pem").path }
    var keyPath: String { folder.appending(path: "key.pem").path }

    /// - Parameter issuer: nil for one that signs itself, and may sign others.
    init(_ name: String, issuer: TestCertificate? = nil) throws {
        var (made, secret): (gnutls_x509_crt_t?, gnutls_x509_privkey_t?)
        try check(gnutls_x509_crt_init(&made))
        try check(gnutls_x509_privkey_init(&secret))
        (certificate, key) = (made!, secret!)
        try check(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, 256, 0))
        try check(gnutls_x509_crt_set_version(certificate, 3))
        try check(gnutls_x509_crt_set_serial(certificate, [UInt8.random(in: 1...127)], 1))
        try check(gnutls_x509_crt_set_activation_time(certificate, time(nil) - 3600))
        try check(gnutls_x509_crt_set_expiration_time(certificate, time(nil) + 86_400))
        try check(gnutls_x509_crt_set_dn(certificate, "CN=\(name)", nil))
        try check(gnutls_x509_crt_set_key(certificate, key))
        try check(gnutls_x509_crt_set_basic_constraints(certificate, issuer == nil ? 1 : 0, -1))
        try check(gnutls_x509_crt_sign2(certificate, issuer?.certificate ?? certificate, issuer?.key ?? key, GNUTLS_DIG_SHA256, 0))
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try write()
    }

    /// Puts another's files in the place of these.
    func write(certificate: TestCertificate? = nil, key: TestCertificate? = nil) throws {
        var (bytes, count) = ([UInt8](repeating: 0, count: 8192), 8192)
        try check(gnutls_x509_crt_export((certificate ?? self).certificate, GNUTLS_X509_FMT_PEM, &bytes, &count))
        try Data(bytes.prefix(count)).write(to: URL(filePath: certificatePath), options: .atomic)
        count = bytes.count
        try check(gnutls_x509_privkey_export((key ?? self).key, GNUTLS_X509_FMT_PEM, &bytes, &count))
        try Data(bytes.prefix(count)).write(to: URL(filePath: keyPath), options: .atomic)
    }

    deinit {
        gnutls_x509_crt_deinit(certificate)
        gnutls_x509_privkey_deinit(key)
        try? FileManager.default.removeItem(at: folder)
    }
}

private func check(_ status: Int32) throws {
    guard status >= 0 else { throw RawClient.Failure(description: String(cString: gnutls_strerror(status))) }
}

/// A client that speaks TLS and takes any certificate.
final class TLSClient {
    private let client: RawClient
    private let session: gnutls_session_t
    private let credentials: gnutls_certificate_credentials_t

    /// - Parameter version: what the client speaks, such as `TLS1.3`.
    init(port: UInt16, version: String? = nil, certificate: TestCertificate? = nil) throws {
        client = try RawClient(port: port)
        var (made, held): (gnutls_session_t?, gnutls_certificate_credentials_t?)
        try check(gnutls_init(&made, UInt32(GNUTLS_CLIENT)))
        try check(gnutls_certificate_allocate_credentials(&held))
        (session, credentials) = (made!, held!)
        let versions = version.map { ":-VERS-ALL:+VERS-\($0)" } ?? ""
        try check(gnutls_priority_set_direct(session, "NORMAL\(versions)", nil))
        if let certificate {
            try check(
                gnutls_certificate_set_x509_key_file(credentials, certificate.certificatePath, certificate.keyPath, GNUTLS_X509_FMT_PEM))
        }
        try check(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credentials)))
        gnutls_transport_set_int2(session, client.socket, client.socket)
        var status: Int32 = 0
        repeat { status = gnutls_handshake(session) } while status < 0 && gnutls_error_is_fatal(status) == 0
        try check(status)
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
            try check(Int32(count))
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
            try check(Int32(count))
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
