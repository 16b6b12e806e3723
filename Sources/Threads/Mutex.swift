#if THREAD_SANITIZER
    import Glibc

    /// Stands in for Synchronization's Mutex in builds for the thread sanitizer only (`-Xswiftc -DTHREAD_SANITIZER`).
    ///
    /// The real one locks by a futex inside the uninstrumented standard library, which the sanitizer cannot see: it reports every value so
    /// protected as a race. A pthread mutex it understands.
    ///
    /// `@unchecked Sendable`: the value is touched under the lock only.
    package final class Mutex<Value>: @unchecked Sendable {
        private var value: Value
        private let lock = Lock()

        package init(_ value: consuming sending Value) { self.value = value }

        package func withLock<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> Result) throws(Failure) -> Result {
            lock.lock()
            defer { lock.unlock() }
            return try body(&value)
        }
    }
#else
    import Synchronization

    /// A value that is touched under its lock only.
    package typealias Mutex = Synchronization.Mutex
#endif
