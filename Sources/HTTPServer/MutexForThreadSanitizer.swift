#if THREAD_SANITIZER
    import Glibc

    /// Stands in for Synchronization's Mutex in builds for the thread sanitizer only (`-Xswiftc -DTHREAD_SANITIZER`).
    /// The real one locks by a futex inside the uninstrumented standard library, which the sanitizer cannot see: it
    /// reports every value so protected as a race. A pthread mutex it understands.
    // Sendable because the value is touched under the lock only.
    final class Mutex<Value>: @unchecked Sendable {
        private var value: Value
        private let lock: UnsafeMutablePointer<pthread_mutex_t>

        init(_ value: consuming sending Value) {
            self.value = value
            lock = .allocate(capacity: 1)
            lock.initialize(to: pthread_mutex_t())
            precondition(pthread_mutex_init(lock, nil) == 0)
        }

        deinit {
            pthread_mutex_destroy(lock)
            lock.deallocate()
        }

        func withLock<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> Result) throws(Failure) -> Result {
            pthread_mutex_lock(lock)
            defer { pthread_mutex_unlock(lock) }
            return try body(&value)
        }
    }
#endif
