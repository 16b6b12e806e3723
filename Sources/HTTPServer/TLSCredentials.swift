import CGnuTLS
import Glibc
import Threads

/// The server's certificate and key, from files that may be replaced while it runs: a handshake gets what the files hold, seen at most
/// a second ago; connections that are open keep what they have.
public final class TLSCredentials: Sendable {
    private struct State {
        var current: KeyPair
        /// What the files were when they were last read, whether they held or not.
        var stamps: [FileStamp?]
        var lookedAt: ContinuousClock.Instant
        /// Handshakes may still use them.
        var retired: [(pair: KeyPair, at: ContinuousClock.Instant)] = []
    }

    private let files: [String]
    private let report: @Sendable (ServerError?) -> Void
    private let state: Mutex<State>
    /// Who signs clients' certificates, in PEM; nil where clients need none.
    let clientAuthorities: String?

    /// - Parameters:
    ///   - certificate: a PEM file: the server's certificate, then those between it and a root.
    ///   - key: its private key, a PEM file without a password.
    ///   - clientAuthorities: a PEM file of certificates: a client has to come with one that one of these signed. Read once.
    ///   - report: called when changed files were read, with what was wrong, if anything was; then the old ones stay. It must not block.
    /// - Throws: ``ServerError`` where the files cannot be used.
    public init(
        certificate: String, key: String, clientAuthorities: String? = nil, report: @escaping @Sendable (ServerError?) -> Void
    ) throws {
        files = [certificate, key]
        self.report = report
        // First: what is replaced while it is read is read again.
        let stamps = files.map(FileStamp.init)
        state = Mutex(State(current: try KeyPair(certificate: certificate, key: key), stamps: stamps, lookedAt: .now))
        self.clientAuthorities = try clientAuthorities.map { path in
            let text = String(decoding: try smallFile(path), as: UTF8.self)
            guard text.contains("-----BEGIN CERTIFICATE-----") else { throw ServerError(message: "\(path): holds no certificate in PEM.") }
            return text
        }
    }

    /// What the next handshake takes.
    fileprivate func pair(at now: ContinuousClock.Instant) -> KeyPair {
        let (pair, outcome): (KeyPair, Result<Void, ServerError>?) = state.withLock { state in
            guard now - state.lookedAt >= .seconds(1) else { return (state.current, nil) }
            state.lookedAt = now
            let stamps = files.map(FileStamp.init)
            guard stamps != state.stamps else { return (state.current, nil) }
            state.stamps = stamps
            do throws(ServerError) {
                let pair = try KeyPair(certificate: files[0], key: files[1])
                state.retired = state.retired.filter { now - $0.at < .seconds(3600) } + [(state.current, now)]
                state.current = pair
                return (pair, .success(()))
            } catch {
                return (state.current, .failure(error))
            }
        }
        switch outcome {
        case .success: report(nil)
        case .failure(let error): report(error)
        case nil: break
        }
        return pair
    }
}

/// Tells whether a file is still the same.
private struct FileStamp: Equatable {
    var device: UInt
    var inode: UInt
    var size: Int
    var seconds: Int
    var nanoseconds: Int

    init?(_ path: String) {
        var found = stat()
        guard stat(path, &found) == 0 else { return nil }
        (device, inode, size) = (UInt(found.st_dev), UInt(found.st_ino), Int(found.st_size))
        (seconds, nanoseconds) = (found.st_mtim.tv_sec, found.st_mtim.tv_nsec)
    }
}

/// A certificate with those between it and a root, and its private key, in GnuTLS's form.
// Sendable because nothing of it changes between init and deinit.
private final class KeyPair: @unchecked Sendable {
    private static let longestChain: UInt32 = 16
    let certificates: UnsafeMutablePointer<gnutls_pcert_st>
    let count: UInt32
    let key: gnutls_privkey_t

    init(certificate: String, key path: String) throws(ServerError) {
        let (chain, secret) = (try smallFile(certificate), try smallFile(path))
        var made: gnutls_privkey_t?
        guard gnutls_privkey_init(&made) == 0, let made else { throw ServerError(message: "GnuTLS has no memory for a key.") }
        key = made
        let list = UnsafeMutablePointer<gnutls_pcert_st>.allocate(capacity: Int(Self.longestChain))
        certificates = list
        var found = Self.longestChain
        let read = chain.withDatum { gnutls_pcert_list_import_x509_raw(list, &found, &$0, GNUTLS_X509_FMT_PEM, 0) }
        count = read < 0 ? 0 : found
        guard read >= 0, found > 0 else { throw Self.error(certificate, "no certificate in PEM can be read", read) }
        let status = secret.withDatum { gnutls_privkey_import_x509_raw(made, &$0, GNUTLS_X509_FMT_PEM, nil, 0) }
        guard status == 0 else { throw Self.error(path, "no private key in PEM without a password can be read", status) }
        guard Self.identifier(ofPublic: certificates[0].pubkey) == Self.identifier(ofPrivate: made) else {
            throw ServerError(
                message: "\(path): is not the key of the first certificate in \(certificate); give the two that belong together.")
        }
    }

    deinit {
        for index in 0..<Int(count) { gnutls_pcert_deinit(certificates + index) }
        certificates.deallocate()
        gnutls_privkey_deinit(key)
    }

    private static func error(_ path: String, _ what: String, _ status: Int32) -> ServerError {
        ServerError(message: "\(path): \(what): \(String(cString: gnutls_strerror(status)))")
    }

    // Named apart: to Swift both kinds of key are the same opaque pointer.
    private static func identifier(ofPublic key: gnutls_pubkey_t?) -> [UInt8]? {
        guard let key else { return nil }
        var (bytes, count) = ([UInt8](repeating: 0, count: 64), 64)
        return gnutls_pubkey_get_key_id(key, 0, &bytes, &count) == 0 ? Array(bytes.prefix(count)) : nil
    }

    private static func identifier(ofPrivate key: gnutls_privkey_t) -> [UInt8]? {
        var made: gnutls_pubkey_t?
        guard gnutls_pubkey_init(&made) == 0, let made else { return nil }
        defer { gnutls_pubkey_deinit(made) }
        return gnutls_pubkey_import_privkey(made, key, 0, 0) == 0 ? identifier(ofPublic: made) : nil
    }
}

extension [UInt8] {
    fileprivate func withDatum<Result>(_ body: (inout gnutls_datum_t) -> Result) -> Result {
        withUnsafeBufferPointer { bytes in
            var datum = gnutls_datum_t(data: UnsafeMutablePointer(mutating: bytes.baseAddress), size: UInt32(bytes.count))
            return body(&datum)
        }
    }
}

/// What GnuTLS asks in a handshake for the server's certificate. A client's own is asked for, and held against the authorities, here too.
func certificateForHandshake(
    _ session: gnutls_session_t?, _ names: UnsafePointer<gnutls_datum_t>?, _ nameCount: Int32,
    _ algorithms: UnsafePointer<gnutls_pk_algorithm_t>?, _ algorithmCount: Int32,
    _ certificates: UnsafeMutablePointer<UnsafeMutablePointer<gnutls_pcert_st>?>?, _ count: UnsafeMutablePointer<UInt32>?,
    _ key: UnsafeMutablePointer<gnutls_privkey_t?>?
) -> Int32 {
    guard let session, let credentials = connection(of: session)?.core.configuration.tls, let certificates, let count, let key else {
        return GNUTLS_E_INTERNAL_ERROR
    }
    let pair = credentials.pair(at: .now)
    (certificates.pointee, count.pointee, key.pointee) = (pair.certificates, pair.count, pair.key)
    if credentials.clientAuthorities != nil {
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE)
        gnutls_session_set_verify_function(session, verifyClient)
    }
    return 0
}

/// Non-zero ends the handshake.
private func verifyClient(_ session: gnutls_session_t?) -> Int32 {
    guard let session else { return GNUTLS_E_CERTIFICATE_ERROR }
    var status: UInt32 = 0
    let result = gnutls_certificate_verify_peers2(session, &status)
    return result == 0 && status == 0 ? 0 : GNUTLS_E_CERTIFICATE_ERROR
}
