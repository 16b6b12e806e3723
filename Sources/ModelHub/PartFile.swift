import Glibc

/// A file that is downloaded piece by piece: what is there already, and its SHA-256 so far. Locked, so that two programs never write one.
final class PartFile {
    let path: String
    private(set) var count = 0
    private let hash: SHA256
    private let descriptor: Int32

    /// Opens or makes the file, and reads what an earlier attempt left in it.
    ///
    /// - Throws: `HubError.file`.
    init(path: String) throws(HubError) {
        self.path = path
        hash = try SHA256()
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.failure(path, "cannot be written") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw .file("\(path): another program is downloading it") }
        count = try Self.read(descriptor, path, into: hash)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The SHA-256 of a finished file, in lower-case hexadecimal.
    ///
    /// - Throws: `HubError.file` if it cannot be read.
    static func sha256(ofFile path: String) throws(HubError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path, "cannot be read") }
        defer { close(descriptor) }
        let hash = try SHA256()
        _ = try read(descriptor, path, into: hash)
        return hash.finish()
    }

    /// - Returns: how many bytes there were.
    private static func read(_ descriptor: Int32, _ path: String, into hash: SHA256) throws(HubError) -> Int {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 1)
        defer { buffer.deallocate() }
        var count = 0
        while true {
            let got = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw failure(path, "cannot be read") }
            guard got > 0 else { return count }
            try hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
            count += got
        }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(HubError) {
        var written = 0
        while written < bytes.count {
            let result = write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
            if result < 0, errno == EINTR { continue }
            guard result >= 0 else { throw Self.failure(path, "cannot be written") }
            written += result
        }
        try hash.update(bytes)
        count += bytes.count
    }

    /// Forgets everything.
    func restart() throws(HubError) {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else { throw Self.failure(path, "cannot be written") }
        _ = hash.finish()
        count = 0
    }

    /// The SHA-256 of the whole, in lower-case hexadecimal. Nothing is appended afterwards.
    func finish() -> String { hash.finish() }

    func remove() { unlink(path) }

    /// Gives the finished file its name, in one step.
    func place(at destination: String) throws(HubError) {
        guard fsync(descriptor) == 0, rename(path, destination) == 0 else { throw Self.failure(destination, "cannot be written") }
    }

    private static func failure(_ path: String, _ what: String) -> HubError {
        .file("\(path): \(what): \(String(cString: strerror(errno)))")
    }
}
