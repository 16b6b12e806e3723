/// State that threads change under a lock and wait on.
///
/// Those who wait for different things wait on conditions of their own, so that a change wakes only whom it concerns.
///
/// `@unchecked Sendable`: the state is touched under the lock only.
package final class Monitor<State>: @unchecked Sendable {
    private var state: State
    private let lock = Lock()

    package init(_ state: State) { self.state = state }

    /// Looks at the state or changes it. Whoever waits for the change is to be woken, here or afterwards.
    package func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&state)
    }

    /// Waits until `body` gives an answer; it is asked again whenever the condition is signalled.
    package func wait<Result>(on condition: Condition, for body: (inout State) -> Result?) -> Result {
        lock.lock()
        defer { lock.unlock() }
        while true {
            if let result = body(&state) { return result }
            condition.wait(lock)
        }
    }

    /// The same for an answer that time brings, too: `body` is asked again at the instant it names.
    package func wait<Result>(on condition: Condition, for body: (inout State, ContinuousClock.Instant) -> Waiting<Result>) -> Result {
        lock.lock()
        defer { lock.unlock() }
        while true {
            let now = ContinuousClock.now
            switch body(&state, now) {
            case .done(let result): return result
            case .wait(until: nil): condition.wait(lock)
            case .wait(until: let instant?): condition.wait(lock, for: instant - now)
            }
        }
    }
}

/// What to do next for who waits for something that time brings, too.
package enum Waiting<Result> {
    case done(Result)
    /// Nil: until the condition is signalled.
    case wait(until: ContinuousClock.Instant?)
}
