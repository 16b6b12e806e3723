import Glibc
import Testing

@testable import Threads

@Suite("Threads")
struct ThreadsTests {
    @Test("run their body to its end before they are joined")
    func join() throws {
        let done = Mutex(0)
        let threads = try (0..<8).map { try WorkerThread("test \($0)") { done.withLock { $0 += 1 } } }
        for thread in threads { thread.join() }
        #expect(done.withLock { $0 } == 8)
    }

    @Test("wait for a state until another makes it")
    func monitor() throws {
        let (monitor, changed) = (Monitor(0), Condition())
        let thread = try WorkerThread("counter") {
            for _ in 0..<1000 {
                monitor.withLock { $0 += 1 }
                changed.signal()
            }
        }
        monitor.wait(on: changed) { $0 == 1000 ? () : nil }
        thread.join()
        #expect(monitor.withLock { $0 } == 1000)
    }

    @Test("wait until an instant, too")
    func timedWait() {
        let (monitor, never) = (Monitor(()), Condition())
        let end = ContinuousClock.now + .milliseconds(30)
        let seen = monitor.wait(on: never) { _, now in now < end ? .wait(until: end) : .done(now) }
        #expect(seen >= end)
    }

    @Test("that are patient stand back for the others, and so do those that they start")
    func patience() throws {
        let niceness: @Sendable () -> Int32 = { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }
        let seen = Mutex([Int32]())
        let note: @Sendable () -> Void = { seen.withLock { $0.append(niceness()) } }
        try WorkerThread("ordinary", note).join()
        try WorkerThread("patient", isPatient: true) {
            note()
            try? WorkerThread("child", note).join()
        }.join()
        let ordinary = niceness()
        #expect(seen.withLock { $0 } == [ordinary, min(19, ordinary + 5), min(19, ordinary + 5)])
    }
}
