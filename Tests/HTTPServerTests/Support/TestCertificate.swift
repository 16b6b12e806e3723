import CGnuTLS
import Foundation

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
        try checkGnuTLS(gnutls_x509_crt_init(&made))
        try checkGnuTLS(gnutls_x509_privkey_init(&secret))
        (certificate, key) = (made!, secret!)
        try checkGnuTLS(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, 256, 0))
        try checkGnuTLS(gnutls_x509_crt_set_version(certificate, 3))
        try checkGnuTLS(gnutls_x509_crt_set_serial(certificate, [UInt8.random(in: 1...127)], 1))
        try checkGnuTLS(gnutls_x509_crt_set_activation_time(certificate, time(nil) - 3600))
        try checkGnuTLS(gnutls_x509_crt_set_expiration_time(certificate, time(nil) + 86_400))
        try checkGnuTLS(gnutls_x509_crt_set_dn(certificate, "CN=\(name)", nil))
        try checkGnuTLS(gnutls_x509_crt_set_key(certificate, key))
        try checkGnuTLS(gnutls_x509_crt_set_basic_constraints(certificate, issuer == nil ? 1 : 0, -1))
        try checkGnuTLS(gnutls_x509_crt_sign2(certificate, issuer?.certificate ?? certificate, issuer?.key ?? key, GNUTLS_DIG_SHA256, 0))
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try write()
    }

    /// Puts another's files in the place of these.
    func write(certificate: TestCertificate? = nil, key: TestCertificate? = nil) throws {
        var (bytes, count) = ([UInt8](repeating: 0, count: 8192), 8192)
        try checkGnuTLS(gnutls_x509_crt_export((certificate ?? self).certificate, GNUTLS_X509_FMT_PEM, &bytes, &count))
        try Data(bytes.prefix(count)).write(to: URL(filePath: certificatePath), options: .atomic)
        count = bytes.count
        try checkGnuTLS(gnutls_x509_privkey_export((key ?? self).key, GNUTLS_X509_FMT_PEM, &bytes, &count))
        try Data(bytes.prefix(count)).write(to: URL(filePath: keyPath), options: .atomic)
    }

    deinit {
        gnutls_x509_crt_deinit(certificate)
        gnutls_x509_privkey_deinit(key)
        try? FileManager.default.removeItem(at: folder)
    }
}

struct GnuTLSFailure: Error, CustomStringConvertible {
    var description: String
}

func checkGnuTLS(_ status: Int32) throws {
    guard status >= 0 else { throw GnuTLSFailure(description: String(cString: gnutls_strerror(status))) }
}
