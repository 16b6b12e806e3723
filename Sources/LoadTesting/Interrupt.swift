import CCURL
import Glibc
import struct Synchronization.Atomic

/// Whether a run is to end early: any thread may say so, and wakes the run's loop.
final class Interrupt: Sendable {
    /// Readable once it has been asked for, and from then on.
    let descriptor: Int32
    private let isAsked = Atomic(false)

    /// - Throws: `LoadError` if the system has no more descriptors.
    init() throws(LoadError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        guard descriptor >= 0 else { throw LoadError("no descriptor for interrupts: \(String(cString: strerror(errno)))") }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    var wasAsked: Bool { isAsked.load(ordering: .acquiring) }

    /// - Returns: whether nobody had asked before.
    func ask() -> Bool {
        let isFirst = !isAsked.exchange(true, ordering: .acquiringAndReleasing)
        eventfd_write(descriptor, 1)
        return isFirst
    }
}
