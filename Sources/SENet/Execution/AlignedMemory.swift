import Glibc

/// Floats at a fixed address, zero at first. Pages are taken from the system when they are first touched, large ones where it has them:
/// with small ones, streaming a network's weights misses the address cache all the time.
///
/// `@unchecked Sendable`: who writes where and when is the owner's business; a plan's weights are only read once it is made, and an arena
/// belongs to one session.
final class AlignedMemory: @unchecked Sendable {
    let count: Int
    let floats: UnsafeMutablePointer<Float>
    private let mapping: UnsafeMutableRawBufferPointer

    /// The size of x86-64's and 64-bit Arm's usual large page.
    private static let largePage = 2 << 20

    /// - Throws: `ModelError.engine` if the system has no such memory.
    init(count: Int) throws(ModelError) {
        self.count = max(count, 1)
        let bytes = self.count * MemoryLayout<Float>.stride
        let reserved = bytes + Self.largePage
        guard let start = mmap(nil, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), start != MAP_FAILED else {
            throw .engine("cannot have \(bytes >> 20) MiB of memory: \(String(cString: strerror(errno)))")
        }
        mapping = UnsafeMutableRawBufferPointer(start: start, count: reserved)
        let aligned = start.alignedUp(toMultipleOf: Self.largePage)
        // A wish, not a need.
        _ = madvise(aligned, bytes, Int32(MADV_HUGEPAGE))
        floats = aligned.bindMemory(to: Float.self, capacity: self.count)
    }

    deinit { munmap(mapping.baseAddress, mapping.count) }
}
