import DequeModule

/// Images that wait for their turn: of each model in the order in which they came, and one model after the other.
struct WaitingQueue {
    private var jobs: [Deque<Job>]
    /// The model after the one that was taken from last goes first.
    private var nextModel = 0

    init(models: Int) { jobs = Array(repeating: [], count: models) }

    mutating func append(_ job: Job) { jobs[job.model].append(job) }

    /// Back in line, before all others: it has waited already.
    mutating func prepend(_ job: Job) { jobs[job.model].prepend(job) }

    /// The first image of a model.
    mutating func take(model: Int) -> Job? { jobs[model].popFirst() }

    /// The first image of the model whose turn it is.
    mutating func takeNext() -> Job? {
        for offset in jobs.indices {
            let model = (nextModel + offset) % jobs.count
            guard let job = jobs[model].popFirst() else { continue }
            nextModel = (model + 1) % jobs.count
            return job
        }
        return nil
    }

    func count(model: Int) -> Int { jobs[model].count }

    var isEmpty: Bool { jobs.allSatisfy(\.isEmpty) }

    /// When the image that waits longest was submitted.
    var oldest: ContinuousClock.Instant? { jobs.compactMap { $0.first?.submitted }.min() }
}
