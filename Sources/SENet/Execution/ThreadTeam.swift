import CKernels
import Glibc
import Synchronization

/// A fixed team of threads that run the same function together: the caller is one of them. Between runs the others sleep.
///
/// `@unchecked Sendable`: `work` is written by the caller before it publishes a new run and read by the others after they see it.
final class ThreadTeam: @unchecked Sendable {
    let count: Int
    private var work: ((Int) -> Void)?
    private var threads: [pthread_t] = []

    private let run = Atomic<Int>(0)
    private let arrived = Atomic<Int>(0)
    private let phase = Atomic<Int>(0)
    private let ticket = Atomic<Int>(0)
    private let stopping = Atomic<Bool>(false)
    private let sleepers = Sleepers()

    /// - Throws: `ModelError.engine` if the system refuses a thread.
    init(count: Int) throws(ModelError) {
        self.count = max(1, count)
        for index in 1..<max(2, self.count) where index < self.count {
            // The thread holds the team's memory without owning the team: `deinit` ends and joins it.
            let start = ThreadStart(team: Unmanaged.passUnretained(self), index: index)
            var thread = pthread_t()
            let box = Unmanaged.passRetained(start)
            let status = pthread_create(&thread, nil, threadTeamMain, box.toOpaque())
            guard status == 0 else {
                box.release()
                stop()
                throw .engine("cannot start thread \(index + 1) of \(self.count): \(String(cString: strerror(status)))")
            }
            threads.append(thread)
        }
    }

    deinit { stop() }

    private func stop() {
        stopping.store(true, ordering: .sequentiallyConsistent)
        sleepers.wake()
        for thread in threads { pthread_join(thread, nil) }
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
        guard count > 1 else { return ticket.store(0, ordering: .relaxed) }
        let current = phase.load(ordering: .acquiring)
        if arrived.add(1, ordering: .sequentiallyConsistent).newValue == count {
            arrived.store(0, ordering: .relaxed)
            ticket.store(0, ordering: .relaxed)
            phase.store(current &+ 1, ordering: .sequentiallyConsistent)
            sleepers.wake()
        } else {
            sleepers.wait { phase.load(ordering: .sequentiallyConsistent) != current }
        }
    }

    /// 0, 1, 2, … since the last barrier, each to one thread only.
    func takeTicket() -> Int { ticket.add(1, ordering: .relaxed).oldValue }

    fileprivate func main(_ index: Int) {
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

private final class ThreadStart {
    let team: Unmanaged<ThreadTeam>
    let index: Int

    init(team: Unmanaged<ThreadTeam>, index: Int) {
        self.team = team
        self.index = index
    }
}

private func threadTeamMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
    start.team._withUnsafeGuaranteedRef { $0.main(start.index) }
    return nil
}

/// Threads that wait for a condition: first spinning, because the parts of a layer end within microseconds of each other, then asleep.
///
/// `@unchecked Sendable`: a mutex and a condition variable at fixed addresses.
private final class Sleepers: @unchecked Sendable {
    /// About 30 µs of pauses.
    private static let spins = 1000

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let asleep = Atomic<Int>(0)

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func wait(until ready: () -> Bool) {
        for _ in 0..<Self.spins {
            if ready() { return }
            excite_pause()
        }
        pthread_mutex_lock(mutex)
        asleep.add(1, ordering: .sequentiallyConsistent)
        while !ready() { pthread_cond_wait(condition, mutex) }
        asleep.subtract(1, ordering: .sequentiallyConsistent)
        pthread_mutex_unlock(mutex)
    }

    /// To be called after the condition has been made true.
    func wake() {
        guard asleep.load(ordering: .sequentiallyConsistent) > 0 else { return }
        pthread_mutex_lock(mutex)
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }
}
