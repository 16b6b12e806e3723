import Glibc

/// The bytes of one request's body, in one piece of memory that grows with what arrives, twofold and by a mebibyte at most: what a
/// client only announces takes nothing.
///
/// Not an array: that one would end the process where the system has no memory left.
///
/// `@unchecked Sendable`: filled by the thread that reads the connection; once others get it, nobody writes to it any more.
final class BodyBuffer: @unchecked Sendable {
    private static let firstCapacity = 128 << 10
    private static let largestStep = 1 << 20

    private(set) var count = 0
    private(set) var capacity = 0
    private var memory: UnsafeMutableRawPointer?
    /// Given back with the memory, or later by who holds it longer.
    let share: BodyMemory.Share

    init(share: BodyMemory.Share) { self.share = share }

    deinit { free(memory) }

    /// Valid until the next ``append(_:expecting:)``, and as long as the buffer.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: count) }

    /// - Parameter expected: how large the body is to be in the end; 0 where nobody knows.
    /// - Throws: where the bytes have no room, by the limits or by the system.
    func append(_ bytes: UnsafeRawBufferPointer, expecting expected: Int) throws(Refusal) {
        try share.grow(by: bytes.count)
        let needed = count + bytes.count
        if needed > capacity {
            // `realloc` moves large pieces by remapping their pages: it copies nothing.
            var wanted = max(needed, capacity + min(max(capacity, Self.firstCapacity), Self.largestStep))
            if expected >= needed { wanted = min(wanted, expected) }
            guard let grown = realloc(memory, wanted) else { throw .outOfMemory }
            memory = grown
            capacity = wanted
        }
        guard let memory, let source = bytes.baseAddress else { return }
        (memory + count).copyMemory(from: source, byteCount: bytes.count)
        count = needed
    }
}
