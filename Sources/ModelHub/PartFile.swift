import Crypto
import Foundation

/// A file that is downloaded piece by piece: what is there already, and its SHA-256 so far. Locked, so that two programs never write one.
final class PartFile {
    let path: String
    private(set) var count = 0
    private var hasher = SHA256()
    private let descriptor: Int32

    /// Opens or makes the file, and reads what an earlier attempt left in it.
    ///
    /// - Throws: `HubError.file`.
    init(path: String) throws(HubError) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.failure(path, "cannot be written") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw .file("\(path): another program is downloading it")
        }
        while let bytes = try Self.read(descriptor, path) {
            bytes.withUnsafeBytes { hasher.update(bufferPointer: $0) }
            count += bytes.count
        }
    }

    /// The SHA-256 of a finished file, in lower-case hexadecimal.
    ///
    /// - Throws: `HubError.file` if it cannot be read.
    static func sha256(ofFile path: String) throws(HubError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path, "cannot be read") }
        defer { close(descriptor) }
        var hasher = SHA256()
        while let bytes = try read(descriptor, path) { bytes.withUnsafeBytes { hasher.update(bufferPointer: $0) } }
        return text(hasher)
    }

    /// The next piece of a file; nil at its end.
    private static func read(_ descriptor: Int32, _ path: String) throws(HubError) -> [UInt8]? {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, count in
            let got = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            failed = got < 0
            count = max(0, got)
        }
        if failed { throw failure(path, "cannot be read") }
        return bytes.isEmpty ? nil : bytes
    }

    private static func text(_ hasher: SHA256) -> String { hasher.finalize().map { String(format: "%02x", $0) }.joined() }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// In lower-case hexadecimal.
    var sha256: String { Self.text(hasher) }

    func append(_ bytes: UnsafeRawBufferPointer) throws(HubError) {
        var written = 0
        while written < bytes.count {
            let result = write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
            if result < 0, errno == EINTR { continue }
            guard result >= 0 else { throw Self.failure(path, "cannot be written") }
            written += result
        }
        hasher.update(bufferPointer: bytes)
        count += bytes.count
    }

    /// Forgets everything.
    func restart() throws(HubError) {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else { throw Self.failure(path, "cannot be written") }
        hasher = SHA256()
        count = 0
    }

    func remove() { unlink(path) }

    /// Gives the finished file its name, in one step.
    func place(at destination: String) throws(HubError) {
        guard fsync(descriptor) == 0, rename(path, destination) == 0 else { throw Self.failure(destination, "cannot be written") }
    }

    private static func failure(_ path: String, _ what: String) -> HubError {
        .file("\(path): \(what): \(String(cString: strerror(errno)))")
    }
}
