import CKernels
import Threads

import struct Synchronization.Atomic

/// A fixed team of threads that run the same function together: the caller is one of them. Between runs the others sleep.
///
/// `@unchecked Sendable`: `work` is written by the caller before it publishes a new run and read by the others after they see it.
final class ThreadTeam: @unchecked Sendable {
    let count: Int
    private var work: ((Int) -> Void)?
    private var threads: [WorkerThread] = []

    private let run = Atomic<Int>(0)
    private let arrived = Atomic<Int>(0)
    private let phase = Atomic<Int>(0)
    /// Of each thread's share of a round's tickets, how many anybody has taken, or has tried to when none was left: (count, spacing), of which
    /// the first of each row is used.
    private let taken: UnsafeMutablePointer<Atomic<Int>>
    /// Two cache lines, which are fetched together: nobody waits for another's.
    private static let spacing = 16
    private let stopping = Atomic<Bool>(false)
    private let sleepers = Sleepers()

    /// - Throws: `ModelError.engine` if the system refuses a thread.
    init(count: Int) throws(ModelError) {
        self.count = max(1, count)
        taken = .allocate(capacity: self.count * Self.spacing)
        for index in 0..<self.count * Self.spacing { (taken + index).initialize(to: Atomic(0)) }
        // The threads hold the team's memory without owning the team: `deinit` ends and joins them.
        let team = Unmanaged.passUnretained(self)
        do throws(ThreadError) {
            for index in 1..<max(2, self.count) where index < self.count {
                threads.append(try WorkerThread("team \(index)") { team._withUnsafeGuaranteedRef { $0.main(index) } })
            }
        } catch {
            stop()
            throw ModelError(error)
        }
    }

    deinit {
        stop()
        taken.deinitialize(count: count * Self.spacing)
        taken.deallocate()
    }

    private func stop() {
        stopping.store(true, ordering: .sequentiallyConsistent)
        sleepers.wake()
        for thread in threads { thread.join() }
        threads = []
    }

    /// Calls `body` once on each thread with its index, and returns when all have returned. Not reentrant.
    func perform(_ body: (Int) -> Void) {
        withoutActuallyEscaping(body) { performKept($0) }
    }

    /// The same for a function that the caller keeps: nothing is allocated.
    func performKept(_ body: @escaping (Int) -> Void) {
        work = body
        run.add(1, ordering: .sequentiallyConsistent)
        sleepers.wake()
        body(0)
        barrier()
        work = nil
    }

    /// Waits until every thread of the team is here, and starts the next round of `takeTicket`.
    func barrier() {
        guard count > 1 else { return taken[0].store(0, ordering: .relaxed) }
        let current = phase.load(ordering: .acquiring)
        if arrived.add(1, ordering: .sequentiallyConsistent).newValue == count {
            arrived.store(0, ordering: .relaxed)
            for thread in 0..<count { taken[thread * Self.spacing].store(0, ordering: .relaxed) }
            phase.store(current &+ 1, ordering: .sequentiallyConsistent)
            sleepers.wake()
        } else {
            sleepers.wait { phase.load(ordering: .sequentiallyConsistent) != current }
        }
    }

    /// One of 0, 1, …, `tickets` - 1, each to one thread only since the last barrier; nil if none is left. All threads ask for as many.
    ///
    /// A thread first takes its own share, neighbours that are the same ones in each round: it finds in its cache what it made in the round
    /// before. Then it takes what others have not begun.
    func takeTicket(of tickets: Int, thread: Int) -> Int? {
        for other in 0..<count {
            let owner = (thread + other) % count
            let (first, end) = (tickets * owner / count, tickets * (owner + 1) / count)
            guard first + taken[owner * Self.spacing].load(ordering: .relaxed) < end else { continue }
            let ticket = first + taken[owner * Self.spacing].add(1, ordering: .relaxed).oldValue
            if ticket < end { return ticket }
        }
        return nil
    }

    private func main(_ index: Int) {
        var seen = 0
        while true {
            sleepers.wait {
                run.load(ordering: .sequentiallyConsistent) != seen || stopping.load(ordering: .sequentiallyConsistent)
            }
            guard !stopping.load(ordering: .sequentiallyConsistent) else { return }
            seen = run.load(ordering: .sequentiallyConsistent)
            work?(index)
            barrier()
        }
    }
}

/// Threads that wait for a condition: first spinning, because the parts of a layer end within microseconds of each other, then asleep.
///
/// Nobody who is awake takes the lock.
private final class Sleepers: Sendable {
    /// About 30 µs of pauses.
    private static let spins = 1000

    private let lock = Lock()
    private let condition = Condition()
    private let asleep = Atomic<Int>(0)

    func wait(until ready: () -> Bool) {
        for _ in 0..<Self.spins {
            if ready() { return }
            excite_pause()
        }
        lock.lock()
        asleep.add(1, ordering: .sequentiallyConsistent)
        while !ready() { condition.wait(lock) }
        asleep.subtract(1, ordering: .sequentiallyConsistent)
        lock.unlock()
    }

    /// To be called after the condition has been made true.
    func wake() {
        guard asleep.load(ordering: .sequentiallyConsistent) > 0 else { return }
        lock.lock()
        condition.broadcast()
        lock.unlock()
    }
}
