import CGnuTLS

/// The SHA-256 of bytes that come piece by piece, by GnuTLS.
final class SHA256 {
    private let handle: gnutls_hash_hd_t

    /// - Throws: `HubError.file` if the library has no memory for it, or its policy forbids it.
    init() throws(HubError) {
        var handle: gnutls_hash_hd_t?
        let status = gnutls_hash_init(&handle, GNUTLS_DIG_SHA256)
        guard status == GNUTLS_E_SUCCESS, let handle else { throw Self.failure(status) }
        self.handle = handle
    }

    deinit { gnutls_hash_deinit(handle, nil) }

    func update(_ bytes: UnsafeRawBufferPointer) throws(HubError) {
        guard !bytes.isEmpty else { return }
        let status = gnutls_hash(handle, bytes.baseAddress, bytes.count)
        guard status == GNUTLS_E_SUCCESS else { throw Self.failure(status) }
    }

    /// In lower-case hexadecimal; what comes then is hashed from the start.
    func finish() -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        gnutls_hash_output(handle, &digest)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func failure(_ status: Int32) -> HubError { .file("SHA-256: \(String(cString: gnutls_strerror(status)))") }
}
