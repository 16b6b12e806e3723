/// What sessions compute with and in: a team of threads and an arena. Sessions that never run at once share one, so that ten networks take the
/// memory of the largest.
///
/// Belongs to one thread at a time.
public final class Workspace {
    /// How many threads compute, the caller among them.
    public let threads: Int
    let team: ThreadTeam
    /// What is in it is one run's: a plan reads nothing there that the same run has not written.
    private(set) var arena: AlignedMemory

    /// Bytes of the arena.
    public var arenaBytes: Int { arena.byteCount }

    /// - Throws: `ModelError.engine` if memory or threads cannot be had.
    public init(threads: Int) throws(ModelError) {
        self.threads = max(1, threads)
        team = try ThreadTeam(count: self.threads)
        arena = try AlignedMemory(byteCount: 0)
    }

    /// Makes the arena as large as a plan needs, if it is not. What it held is lost.
    ///
    /// - Throws: `ModelError.engine` if memory cannot be had; the arena is then as before.
    func reserve(byteCount: Int) throws(ModelError) {
        if byteCount > arena.byteCount { arena = try AlignedMemory(byteCount: byteCount) }
    }
}
