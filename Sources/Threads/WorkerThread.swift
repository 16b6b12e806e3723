import Glibc

/// A thread that ends by itself: to be joined or detached, once.
package struct WorkerThread: Sendable {
    private let id: pthread_t

    /// - Parameters:
    ///   - name: what the system calls it; 15 bytes of it are kept.
    ///   - isPatient: whether it, and the threads it starts, stand back for those of this process that have little to do at a time: it computes
    ///     for milliseconds on end, and they would wait as long for a CPU.
    /// - Throws: `ThreadError` if the system refuses a thread.
    package init(_ name: String, isPatient: Bool = false, _ body: @escaping @Sendable () -> Void) throws(ThreadError) {
        let held = Unmanaged.passRetained(ThreadBody(name: name, isPatient: isPatient, run: body))
        var id = pthread_t()
        let status = pthread_create(&id, nil, runThreadBody, held.toOpaque())
        guard status == 0 else {
            held.release()
            let reason = String(cString: strerror(status))
            throw ThreadError(description: "cannot start the thread '\(name)': \(reason); raise the limit of threads")
        }
        self.id = id
    }

    // Both fail only for a thread that was joined or detached before.

    /// Waits until it has ended.
    package func join() { pthread_join(id, nil) }

    /// Nobody will wait for it.
    package func detach() { pthread_detach(id) }

    /// The calling thread's number, by which the system knows it; nil if it cannot be had.
    package static var current: UInt32? {
        // `gettid` hides behind _GNU_SOURCE, which Swift's import of glibc does not define. The link reads "12/task/34".
        var link = [CChar](repeating: 0, count: 64)
        let count = readlink("/proc/thread-self", &link, link.count)
        guard count > 0 else { return nil }
        let text = String(decoding: link.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
        return text.split(separator: "/").last.flatMap { UInt32($0) }
    }

    /// Makes a thread stand back for the others for the rest of its life: to raise a priority again takes a privilege.
    package static func standBack(_ thread: UInt32) {
        // A failure (it has ended) needs no remedy.
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), thread, 10)
    }
}

private final class ThreadBody: Sendable {
    let name: String
    let isPatient: Bool
    let run: @Sendable () -> Void

    init(name: String, isPatient: Bool, run: @escaping @Sendable () -> Void) {
        self.name = name
        self.isPatient = isPatient
        self.run = run
    }
}

private func runThreadBody(_ held: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let held else { return nil }
    let body = Unmanaged<ThreadBody>.fromOpaque(held).takeRetainedValue()
    // `pthread_setname_np` hides behind _GNU_SOURCE, too. Only for those who look: a failure needs no remedy.
    if let comm = fopen("/proc/thread-self/comm", "w") {
        fputs(body.name, comm)
        fclose(comm)
    }
    // Of this thread alone, as Linux has it; a third of the others' weight. No more than a wish, either.
    if body.isPatient { _ = nice(5) }
    body.run()
    return nil
}
