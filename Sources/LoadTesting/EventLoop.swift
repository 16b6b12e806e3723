import CCURL
import Glibc

/// Sockets, times and a wake-up call on one thread: epoll, with a timer beside it, because epoll's own waits are whole milliseconds.
/// Only `wake` may be called from other threads.
final class EventLoop {
    /// Is told what epoll says of its descriptor.
    typealias Handler = (_ events: UInt32) -> Void

    private let queue: Int32
    private let timer: Int32
    private let bell: Int32
    private var handlers: [Int32: Handler] = [:]

    /// - Parameter bell: an eventfd that ends a wait.
    /// - Throws: `LoadError` if the system has no more descriptors.
    init(bell: Int32) throws(LoadError) {
        self.bell = bell
        queue = epoll_create1(Int32(EPOLL_CLOEXEC))
        timer = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_NONBLOCK) | Int32(TFD_CLOEXEC))
        guard queue >= 0, timer >= 0, control(EPOLL_CTL_ADD, timer, EPOLLIN.rawValue), control(EPOLL_CTL_ADD, bell, EPOLLIN.rawValue) else {
            throw LoadError("no event loop: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        if queue >= 0 { close(queue) }
        if timer >= 0 { close(timer) }
    }

    /// Calls the handler whenever one of these events is there; instead of what was watched on the descriptor before.
    ///
    /// - Returns: false if the system refuses.
    @discardableResult
    func watch(_ descriptor: Int32, _ events: UInt32, _ handler: @escaping Handler) -> Bool {
        let isNew = handlers.updateValue(handler, forKey: descriptor) == nil
        return control(isNew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, events)
    }

    /// To be called before the descriptor is closed.
    func forget(_ descriptor: Int32) {
        if handlers.removeValue(forKey: descriptor) != nil { _ = control(EPOLL_CTL_DEL, descriptor, 0) }
    }

    /// Waits for events, but not past `deadline`, and calls their handlers.
    func wait(until deadline: ContinuousClock.Instant) {
        // Never disarmed: at least a nanosecond.
        let (seconds, attoseconds) = max(.nanoseconds(1), deadline - .now).components
        var time = itimerspec()
        time.it_value = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        timerfd_settime(timer, 0, &time, nil)
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 256) { events in
            let count = epoll_wait(queue, events.baseAddress, Int32(events.count), -1)
            for index in 0..<max(0, Int(count)) {
                // An earlier handler may have forgotten it.
                handlers[events[index].data.fd]?(events[index].events)
            }
        }
    }

    private func control(_ operation: Int32, _ descriptor: Int32, _ events: UInt32) -> Bool {
        var event = epoll_event()
        event.events = events
        event.data.fd = descriptor
        return epoll_ctl(queue, operation, descriptor, &event) == 0
    }
}
