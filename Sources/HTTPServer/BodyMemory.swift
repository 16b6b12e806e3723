import struct Synchronization.Atomic

/// Counts the bytes of all request bodies that are in memory, and bounds them.
final class BodyMemory: Sendable {
    private let limit: Int
    private let bytes = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    /// Bytes in memory now.
    var used: Int { bytes.load(ordering: .relaxed) }

    /// A body's share, empty at first. What a client only announces is not counted, or announcing alone would shut others out.
    /// - Throws: where a body of the announced size has no room.
    func share(expecting count: Int) throws(Refusal) -> Share {
        guard used + count <= limit else { throw .tooManyBytes }
        return Share(self)
    }

    /// What one body takes, from its first byte until nobody holds it any more.
    final class Share: Sendable {
        private let memory: BodyMemory
        private let bytes = Atomic<Int>(0)

        fileprivate init(_ memory: BodyMemory) { self.memory = memory }

        /// - Throws: where there is no room for that many more.
        func grow(by count: Int) throws(Refusal) {
            guard memory.bytes.add(count, ordering: .relaxed).newValue <= memory.limit else {
                memory.bytes.subtract(count, ordering: .relaxed)
                throw .tooManyBytes
            }
            bytes.add(count, ordering: .relaxed)
        }

        deinit { memory.bytes.subtract(bytes.load(ordering: .relaxed), ordering: .relaxed) }
    }
}
