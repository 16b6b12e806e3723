#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A file mapped into memory, read only. Unmapped when the last reference goes.
///
/// `@unchecked Sendable`: the mapping never changes after it is made.
public final class MappedFile: @unchecked Sendable {
    public let path: String
    public let bytes: UnsafeRawBufferPointer

    /// - Throws: `ModelError.file` with the path and the system's reason.
    public init(path: String) throws(ModelError) {
        self.path = path
        func failure(_ what: String) -> ModelError { .file("\(path): \(what): \(String(cString: strerror(errno)))") }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("cannot be opened") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("cannot be examined") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .file("\(path): not a regular file") }
        let count = Int(status.st_size)
        guard count > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw failure("cannot be mapped into memory")
        }
        bytes = UnsafeRawBufferPointer(start: start, count: count)
    }

    /// Lets the kernel take back the pages that lie wholly in `range`; they are read again if they are touched.
    func releasePages(_ range: Range<Int>) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let (first, end) = (range.lowerBound.roundedUp(toMultipleOf: page), range.upperBound / page * page)
        guard let start = bytes.baseAddress, first < end else { return }
        madvise(UnsafeMutableRawPointer(mutating: start + first), end - first, Int32(MADV_DONTNEED))
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }
}
