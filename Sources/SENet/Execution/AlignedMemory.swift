import Glibc

/// Bytes at a fixed address, zero at first. Pages are taken from the system when they are first touched, large ones where it has them:
/// with small ones, streaming a network's weights misses the address cache all the time.
///
/// `@unchecked Sendable`: who writes where and when is the owner's business; a plan's weights are only read once it is made, and an arena
/// belongs to one session.
final class AlignedMemory: @unchecked Sendable {
    let byteCount: Int
    /// Aligned to a large page.
    let start: UnsafeMutableRawPointer
    private let mapping: UnsafeMutableRawBufferPointer

    /// The size of x86-64's and 64-bit Arm's usual large page.
    private static let largePage = 2 << 20

    /// - Throws: `ModelError.engine` if the system has no such memory.
    init(byteCount: Int) throws(ModelError) {
        self.byteCount = max(byteCount, 1)
        let reserved = self.byteCount + Self.largePage
        guard let reservation = mmap(nil, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), reservation != MAP_FAILED
        else {
            throw .engine("cannot have \(byteCount >> 20) MiB of memory: \(String(cString: strerror(errno)))")
        }
        mapping = UnsafeMutableRawBufferPointer(start: reservation, count: reserved)
        start = reservation.alignedUp(toMultipleOf: Self.largePage)
        // A wish, not a need.
        _ = madvise(start, self.byteCount, Int32(MADV_HUGEPAGE))
    }

    deinit { munmap(mapping.baseAddress, mapping.count) }
}
