import DequeModule

/// The inputs that wait for a model, of each priority in the order in which they came.
///
/// Those of low priority yield to the others. That they are answered at all, however many others come, one of `Priority.share` inputs taken
/// is of low priority as long as some wait.
struct WaitingLine: Sendable {
    private struct Class {
        var jobs: Deque<WaitingJob> = []
        /// Decoding, as estimated.
        var decode = Duration.zero
    }

    private var normal = Class()
    private var low = Class()
    /// Inputs taken one after the other while one of low priority waited.
    private var passes = 0

    var count: Int { normal.jobs.count + low.jobs.count }
    var isEmpty: Bool { count == 0 }
    var lowCount: Int { low.jobs.count }

    /// How many go before a new one of that priority, as far as is known now, and their decoding as estimated.
    func before(_ priority: Priority) -> (count: Int, decode: Duration) {
        switch priority {
        case .normal: (normal.jobs.count, normal.decode)
        case .low: (count, normal.decode + low.decode)
        }
    }

    /// The next one.
    var first: WaitingJob? { takesLow ? low.jobs.first : normal.jobs.first }

    /// When the one was submitted that waits longest.
    var oldest: ContinuousClock.Instant? { [normal, low].compactMap { $0.jobs.first?.submitted }.min() }

    private var takesLow: Bool { !low.jobs.isEmpty && (normal.jobs.isEmpty || passes >= Priority.share - 1) }

    mutating func append(_ job: WaitingJob) {
        change(job.request.priority) {
            $0.jobs.append(job)
            $0.decode += job.decoding?.duration ?? .zero
        }
    }

    /// Before all others of its priority.
    mutating func prepend(_ job: WaitingJob) {
        change(job.request.priority) {
            $0.jobs.prepend(job)
            $0.decode += job.decoding?.duration ?? .zero
        }
    }

    mutating func popFirst() -> WaitingJob? {
        let takesLow = takesLow
        passes = takesLow || low.jobs.isEmpty ? 0 : passes + 1
        return change(takesLow ? .low : .normal) { line in
            let job = line.jobs.popFirst()
            line.decode -= job?.decoding?.duration ?? .zero
            return job
        }
    }

    private mutating func change<Output>(_ priority: Priority, _ body: (inout Class) -> Output) -> Output {
        switch priority {
        case .normal: body(&normal)
        case .low: body(&low)
        }
    }
}
