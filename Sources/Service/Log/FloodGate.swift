import Threads

/// Keeps clients that fail over and over from filling the log: of each error status a few requests are logged one by one in a stretch of
/// time, the others only counted.
final class FloodGate: Sendable {
    /// Requests of one status that were not logged.
    struct Held: Sendable, Equatable {
        var status: Int
        var count: Int
    }

    private struct Stretch {
        var began: ContinuousClock.Instant
        var passed = 0
        var held = 0
    }

    private static let length: Duration = .seconds(10)
    private static let allowed = 20
    private let stretches = Mutex<[Int: Stretch]>([:])

    /// Whether a request is to be logged, and what was held back in stretches that are over.
    func pass(_ status: Int, at now: ContinuousClock.Instant) -> (isOpen: Bool, held: [Held]) {
        stretches.withLock { stretches in
            let over = stretches.filter { now - $0.value.began >= Self.length }
            for (status, _) in over { stretches[status] = nil }
            // What is answered is always logged.
            guard status >= 400 else { return (true, Self.held(over)) }
            var stretch = stretches[status] ?? Stretch(began: now)
            let isOpen = stretch.passed < Self.allowed
            if isOpen { stretch.passed += 1 } else { stretch.held += 1 }
            stretches[status] = stretch
            return (isOpen, Self.held(over))
        }
    }

    /// What was held back and not yet told.
    func flush() -> [Held] {
        stretches.withLock { stretches in
            defer { stretches = [:] }
            return Self.held(stretches)
        }
    }

    private static func held(_ stretches: [Int: Stretch]) -> [Held] {
        stretches.filter { $0.value.held > 0 }.map { Held(status: $0.key, count: $0.value.held) }.sorted { $0.status < $1.status }
    }
}
