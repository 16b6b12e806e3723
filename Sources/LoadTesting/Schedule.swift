import DequeModule

/// Which request is to be sent when.
protocol Schedule {
    /// The next request that is due at that moment, which is then no longer its business, and since when; nil if there is none.
    mutating func take(at now: ContinuousClock.Instant) -> (index: Int, due: ContinuousClock.Instant)?

    /// What became of a request: nil where this client left.
    mutating func ended(_ index: Int, _ outcome: LoadOutcome?, at now: ContinuousClock.Instant)

    /// When something is due next, as far as is known; nil if that depends on requests that are under way.
    var next: ContinuousClock.Instant? { get }

    /// Whether nothing more will be due.
    func isOver(at now: ContinuousClock.Instant) -> Bool
}

/// Requests at their times, whatever became of those before.
struct OpenSchedule: Schedule {
    let arrivals: Arrivals
    let started: ContinuousClock.Instant
    private var index = 0
    private var gaps: RandomGaps?
    /// From the start to the next request, where they come at random.
    private var randomOffset = Duration.zero

    init(_ arrivals: Arrivals, started: ContinuousClock.Instant) {
        self.arrivals = arrivals
        self.started = started
        if arrivals.isRandom { gaps = RandomGaps(rate: arrivals.rate) }
    }

    mutating func take(at now: ContinuousClock.Instant) -> (index: Int, due: ContinuousClock.Instant)? {
        guard index < arrivals.count, let due = next, due <= now else { return nil }
        defer { index += 1 }
        if let gap = gaps?.next() { randomOffset += gap }
        return (index, due)
    }

    func ended(_ index: Int, _ outcome: LoadOutcome?, at now: ContinuousClock.Instant) {}

    /// After the last request its share of the time is still to pass.
    var next: ContinuousClock.Instant? {
        guard index < arrivals.count else { return started + .seconds(arrivals.duration) }
        return started + (arrivals.isRandom ? randomOffset : arrivals.offset(index))
    }

    func isOver(at now: ContinuousClock.Instant) -> Bool { index == arrivals.count && now >= started + .seconds(arrivals.duration) }
}

/// Clients that each send the next request when the last one is answered, until the time is over.
struct ClosedSchedule: Schedule {
    let clients: Int
    let end: ContinuousClock.Instant
    private var ready: Deque<Int>
    /// All for the same time, so in order.
    private var paused: Deque<(index: Int, until: ContinuousClock.Instant)> = []

    /// Failing takes no time: without a pause, nothing else would be done.
    private static let pause = Duration.milliseconds(100)

    init(clients: Int, started: ContinuousClock.Instant, duration: Double) {
        self.clients = clients
        end = started + .seconds(duration)
        ready = Deque(0..<clients)
    }

    mutating func take(at now: ContinuousClock.Instant) -> (index: Int, due: ContinuousClock.Instant)? {
        guard now < end else { return nil }
        while let first = paused.first, first.until <= now {
            ready.append(first.index)
            paused.removeFirst()
        }
        return ready.popFirst().map { ($0, now) }
    }

    mutating func ended(_ index: Int, _ outcome: LoadOutcome?, at now: ContinuousClock.Instant) {
        if let outcome, !outcome.isStatus {
            paused.append((index + clients, now + Self.pause))
        } else {
            ready.append(index + clients)
        }
    }

    var next: ContinuousClock.Instant? { ready.isEmpty ? min(end, paused.first?.until ?? end) : .now }

    func isOver(at now: ContinuousClock.Instant) -> Bool { now >= end }
}
