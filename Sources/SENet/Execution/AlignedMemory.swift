import Glibc

/// Floats at a fixed address, zero at first, aligned to a page. Pages are taken from the system when they are first touched.
///
/// `@unchecked Sendable`: who writes where and when is the owner's business; a plan's weights are only read once it is made, and an arena
/// belongs to one session.
final class AlignedMemory: @unchecked Sendable {
    let count: Int
    let floats: UnsafeMutablePointer<Float>

    /// - Throws: `ModelError.engine` if the system has no such memory.
    init(count: Int) throws(ModelError) {
        self.count = max(count, 1)
        let bytes = self.count * MemoryLayout<Float>.stride
        guard let start = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), start != MAP_FAILED else {
            throw .engine("cannot have \(bytes >> 20) MiB of memory: \(String(cString: strerror(errno)))")
        }
        floats = start.bindMemory(to: Float.self, capacity: self.count)
    }

    deinit { munmap(floats, count * MemoryLayout<Float>.stride) }
}
