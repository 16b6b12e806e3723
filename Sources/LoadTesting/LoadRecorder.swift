import Histogram
import Threads

/// Counts what became of requests while they run; any thread may add and look.
public final class LoadRecorder: Sendable {
    /// Microseconds, to three digits, up to an hour.
    public typealias Latencies = Histogram<UInt32>

    /// What happened in one second of the run: sent requests by when they were due, outcomes by when they were there.
    public struct Second: Sendable, Encodable {
        var second: Int
        var sent = 0
        var outcomes: [String: Int] = [:]
        /// Of the answers with 200.
        var slowestMs = 0.0
    }

    public struct Record: Sendable {
        public internal(set) var sent = 0
        public internal(set) var inFlight = 0
        /// Requests that the client itself left.
        var left = 0
        /// Requests whose answer the run's end came before.
        var unfinished = 0
        public internal(set) var outcomes: [LoadOutcome: Latencies] = [:]
        /// From the start to the last answer or failure.
        var lastOutcome = Duration.zero
        /// Answers with 200 while requests were sent.
        var answered = 0
        /// The same, without those after the deadline.
        var answeredInTime = 0
        /// Answers with 200 after the deadline.
        var late = 0
        /// How long after they were due requests were handed to a connection, or began to wait for one.
        var lag = LoadRecorder.latencies()
        var batchSizes: [Int: Int] = [:]
        var seconds: [Second] = []
        /// How long slow connections lasted, by how they ended.
        var slow: [LoadOutcome: Latencies] = [:]
        var openSlow = 0
    }

    public let started = ContinuousClock.now
    private let duration: Duration
    private let deadline: Duration?
    private let record = Mutex(Record())

    /// - Parameter duration: how long requests are sent.
    init(duration: Duration, deadline: Duration?) {
        self.duration = duration
        self.deadline = deadline
    }

    private static func latencies() -> Latencies { Histogram(highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: .three) }

    /// What has been counted so far.
    public var snapshot: Record { read { $0 } }

    /// Looks at what was recorded so far.
    func read<Value>(_ body: (Record) -> Value) -> Value { record.withLock { body($0) } }

    /// A request goes out.
    func sent(due: ContinuousClock.Instant) {
        let lag = ContinuousClock.now - due
        record.withLock {
            $0.sent += 1
            $0.inFlight += 1
            $0.lag.record(duration: lag)
            let second = $0.index(due - started)
            $0.seconds[second].sent += 1
        }
    }

    /// Its answer is there, or it failed.
    func finished(_ reply: RequestSender.Reply, due: ContinuousClock.Instant) {
        let now = ContinuousClock.now
        let latency = now - due
        record.withLock { record in
            record.inFlight -= 1
            record.lastOutcome = max(record.lastOutcome, now - started)
            record.outcomes[reply.outcome, default: Self.latencies()].record(duration: latency)
            for size in reply.batchSizes { record.batchSizes[size, default: 0] += 1 }
            let isAnswered = reply.outcome == .answered
            if isAnswered {
                let isLate = deadline.map { latency > $0 } ?? false
                if isLate { record.late += 1 }
                if now - started <= duration {
                    record.answered += 1
                    if !isLate { record.answeredInTime += 1 }
                }
            }
            let milliseconds = (latency.seconds * 1e6).rounded() / 1000
            let name = reply.outcome.description
            let second = record.index(now - started)
            record.seconds[second].outcomes[name, default: 0] += 1
            if isAnswered { record.seconds[second].slowestMs = max(record.seconds[second].slowestMs, milliseconds) }
        }
    }

    /// The client hung up without waiting for the answer.
    func left() {
        record.withLock {
            $0.inFlight -= 1
            $0.left += 1
        }
    }

    /// The run ended before the answer was there.
    func cutShort() {
        record.withLock {
            $0.inFlight -= 1
            $0.unfinished += 1
        }
    }

    func slowOpened() { record.withLock { $0.openSlow += 1 } }

    func slowEnded(_ outcome: LoadOutcome?, after duration: Duration) {
        record.withLock {
            $0.openSlow -= 1
            if let outcome { $0.slow[outcome, default: Self.latencies()].record(duration: duration) }
        }
    }
}

extension LoadRecorder.Record {
    /// The place of that moment's second, made where it is not there yet.
    fileprivate mutating func index(_ offset: Duration) -> Int {
        let index = max(0, Int(offset.components.seconds))
        while seconds.count <= index { seconds.append(.init(second: seconds.count)) }
        return index
    }
}

extension Histogram {
    fileprivate mutating func record(duration: Duration) { _ = record(UInt64(Swift.max(1, duration.seconds * 1e6))) }
}
