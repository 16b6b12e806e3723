/// What sessions compute with and in: a team of threads and an arena. Sessions that never run at once share one, so that ten networks take the
/// memory of the largest.
///
/// Belongs to one thread at a time.
public final class Workspace {
    /// How many threads compute, the caller among them.
    public let threads: Int
    let team: ThreadTeam
    private var memory: AlignedMemory
    /// The memory's start. What is in it is one run's: a plan reads nothing there that the same run has not written.
    private(set) var arena: UnsafeMutableRawPointer

    /// Bytes of the arena.
    var arenaBytes: Int { memory.byteCount }

    /// - Throws: `ModelError.engine` if memory or threads cannot be had.
    public init(threads: Int) throws(ModelError) {
        self.threads = max(1, threads)
        team = try ThreadTeam(count: self.threads)
        memory = try AlignedMemory(byteCount: 0)
        arena = memory.start
    }

    /// Makes the arena as large as a plan needs, if it is not. What it held is lost.
    ///
    /// - Throws: `ModelError.engine` if memory cannot be had; the arena is then as before.
    func reserve(byteCount: Int) throws(ModelError) {
        guard byteCount > memory.byteCount else { return }
        memory = try AlignedMemory(byteCount: byteCount)
        arena = memory.start
    }
}
