import Glibc

/// A lock at a fixed address, as conditions need one. (`Synchronization.Mutex` has no condition to wait on.)
///
/// `@unchecked Sendable`: made for use from several threads.
package final class Lock: @unchecked Sendable {
    fileprivate let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    package init() { pthread_mutex_init(mutex, nil) }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    package func lock() { pthread_mutex_lock(mutex) }
    package func unlock() { pthread_mutex_unlock(mutex) }
}

/// What threads wait for under a lock.
///
/// `@unchecked Sendable`: made for use from several threads.
package final class Condition: @unchecked Sendable {
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init() {
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // Waits are lengths of time: the wall clock, which can be set, is no measure of them.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
    }

    /// Wakes one of those who wait.
    package func signal() { pthread_cond_signal(condition) }

    /// Wakes all who wait.
    package func broadcast() { pthread_cond_broadcast(condition) }

    /// Lets go of the lock while it waits. May return without a signal.
    package func wait(_ lock: Lock) { pthread_cond_wait(condition, lock.mutex) }

    /// The same for that long at most.
    package func wait(_ lock: Lock, for duration: Duration) {
        var end = timespec()
        clock_gettime(CLOCK_MONOTONIC, &end)
        let (seconds, attoseconds) = max(.zero, duration).components
        let nanoseconds = end.tv_nsec + Int(attoseconds / 1_000_000_000) + 1
        end.tv_sec += Int(seconds) + nanoseconds / 1_000_000_000
        end.tv_nsec = nanoseconds % 1_000_000_000
        pthread_cond_timedwait(condition, lock.mutex, &end)
    }
}
