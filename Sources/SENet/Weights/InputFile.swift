import FoundationEssentials
import Glibc

/// A file that is read piece by piece, at places. Never mapped into memory: a file that another program cuts short while it is read is an
/// error here, where touching a mapping would end the program with SIGBUS.
public final class InputFile: Sendable {
    /// Which file it is, whatever path leads to it, and as it was when it was opened.
    package struct Identity: Sendable, Equatable {
        private let device: dev_t
        private let inode: ino_t
        private let bytes: off_t
        private let seconds: Int
        private let nanoseconds: Int

        init(_ status: stat) {
            (device, inode, bytes) = (status.st_dev, status.st_ino, status.st_size)
            (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
        }

        /// Its length in bytes.
        package var count: Int { Int(bytes) }

        /// Of the regular file that a path leads to, as it is now; nil where there is none.
        package init?(path: String) {
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
            self.init(status)
        }
    }

    public let path: String
    /// Its length in bytes when it was opened.
    public let count: Int
    let identity: Identity
    private let descriptor: Int32

    /// - Throws: `ModelError.file` with the path and the system's reason.
    public init(path: String) throws(ModelError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path) }
        self.path = path
        var status = stat()
        let isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        count = Int(status.st_size)
        identity = Identity(status)
        guard isRegular else { throw .file("\(path): not a regular file") }
    }

    /// Fills `buffer` with the bytes from `offset` on. May be called from several threads.
    ///
    /// - Throws: `ModelError.file` if there are fewer, or they cannot be read.
    public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(ModelError) {
        var done = 0
        while done < buffer.count, let start = buffer.baseAddress {
            let count = pread(descriptor, start + done, buffer.count - done, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .file("\(path): cannot be read: \(String(cString: strerror(errno)))") }
            guard count > 0 else {
                throw .file("\(path): cut off while it was read: it had \(self.count) bytes, and byte \(offset + done) is gone")
            }
            done += count
        }
    }

    /// Whether it is still as it was opened: of a file that was written over in the meantime, some pieces were read before and some after.
    ///
    /// - Throws: `ModelError.file` if it is not.
    public func requireUnchanged() throws(ModelError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, Identity(status) == identity else {
            throw .file("\(path): written to while it was read; copy it beside, and rename it over the old one")
        }
    }

    /// The bytes of a range, which must lie in the file.
    ///
    /// - Throws: `ModelError.file` if they cannot be read.
    public func bytes(_ range: Range<Int>) throws(ModelError) -> [UInt8] {
        guard !range.isEmpty else { return [] }
        var failure: ModelError?
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            do throws(ModelError) {
                try read(at: range.lowerBound, into: UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: range.count))
                count = range.count
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    /// A small file as a whole.
    ///
    /// - Parameter limit: a file of more bytes is refused.
    /// - Throws: `ModelError.file` if it cannot be read, or is larger.
    public static func contents(_ path: String, limit: Int = 64 << 20) throws(ModelError) -> [UInt8] {
        let file = try InputFile(path: path)
        guard file.count <= limit else { throw .file("\(path): \(file.count) bytes, where \(limit) are the most") }
        return try file.bytes(0..<file.count)
    }

    /// Why a file cannot be opened; of a link that leads nowhere, where it leads.
    private static func failure(_ path: String) -> ModelError {
        let reason = errno
        if reason == ENOENT, let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) {
            return .file(
                "\(path): a link to '\(target)', which is not there. A folder from the hub's cache is copied with its files by: cp -rL")
        }
        return .file("\(path): cannot be opened: \(String(cString: strerror(reason)))")
    }

    deinit { close(descriptor) }
}
