import SENet

/// What a pool keeps of a model.
struct ServedModel {
    enum Phase {
        /// Lanes make their sessions.
        case arriving
        case serving
        /// What was accepted is answered; nothing more is accepted.
        case leaving
    }

    let model: Model
    var phase = Phase.arriving
    /// Why a lane could not make its session.
    var failure: ModelError?
    var cost = ModelCost()
    var statistics = ModelStatistics()
    /// Inputs accepted and not yet answered.
    var unanswered = 0
    /// Answers that are being given.
    var answering = 0
    fileprivate(set) var waiting = WaitingLine()
    /// When one of its inputs was last taken to begin a batch, among those of all models.
    fileprivate var lastTurn = 0

    init(_ model: Model) { self.model = model }

    /// Whether all that was accepted has been answered.
    var isQuiet: Bool { unanswered == 0 && answering == 0 }
}

/// A pool's models, and the inputs that wait for them: one model after the other.
///
/// A model is here until all that was accepted for it has been answered.
struct ServedModels {
    /// In the order in which they came.
    private(set) var all: [ServedModel] = []
    private var turns = 0

    subscript(model: Model) -> ServedModel? { index(of: model).map { all[$0] } }

    private func index(of model: Model) -> Int? { all.firstIndex { $0.model == model } }

    mutating func add(_ model: Model) { all.append(ServedModel(model)) }

    mutating func remove(_ model: Model) { all.removeAll { $0.model == model } }

    /// Changes what is kept of a model, where it is there.
    mutating func update(_ model: Model, _ change: (inout ServedModel) -> Void) {
        if let index = index(of: model) { change(&all[index]) }
    }

    mutating func append(_ job: WaitingJob) { update(job.request.model) { $0.waiting.append(job) } }

    /// Back in line, before all others of its priority: it has waited already.
    mutating func prepend(_ job: WaitingJob) { update(job.request.model) { $0.waiting.prepend(job) } }

    /// The first input of a model.
    mutating func take(_ model: Model) -> WaitingJob? { index(of: model).flatMap { all[$0].waiting.popFirst() } }

    /// The first input of the model whose turn it is: that whose last turn is longest ago.
    mutating func takeNext() -> WaitingJob? {
        let waiting = all.indices.filter { !all[$0].waiting.isEmpty }
        guard let next = waiting.min(by: { all[$0].lastTurn < all[$1].lastTurn }) else { return nil }
        turns += 1
        all[next].lastTurn = turns
        return all[next].waiting.popFirst()
    }

    /// Whether an input waits.
    var isAnyWaiting: Bool { all.contains { !$0.waiting.isEmpty } }

    /// Whether inputs of other models wait.
    func isAnyWaiting(besides model: Model) -> Bool { all.contains { $0.model != model && !$0.waiting.isEmpty } }

    /// When the input that waits longest was submitted.
    var oldest: ContinuousClock.Instant? { all.compactMap { $0.waiting.oldest }.min() }

    var unanswered: Int { all.reduce(0) { $0 + $1.unanswered } }
}
