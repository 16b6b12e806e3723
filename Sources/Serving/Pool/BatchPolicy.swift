import Threads

/// Decides about batches, from what is known of them alone: whether one more input may join, whether the batch is run, how long it waits.
///
/// By default no timer forms batches: a free session takes what there is, and what comes meanwhile gathers for the next run.
struct BatchPolicy: Sendable {
    /// The most inputs that one run takes.
    var largestBatch: Int
    /// How long a batch waits for others to fill it, from its beginning.
    var maxDelay: Duration
    /// How long a batch waits for those that are still being decoded, from the last one that was; more where decoding usually takes long.
    var stragglerWait: Duration
    /// Decoders of a lane: the most that may be left behind, over all batches.
    var decoders: Int

    init(largestBatch: Int, maxDelay: Duration, stragglerWait: Duration, decoders: Int) {
        self.largestBatch = largestBatch
        self.maxDelay = maxDelay
        self.stragglerWait = stragglerWait
        self.decoders = decoders
    }

    init(_ options: EnginePool.Options) {
        self.init(
            largestBatch: options.largestBatch, maxDelay: options.maxDelay, stragglerWait: options.stragglerWait,
            decoders: options.threadsPerSession)
    }

    /// A batch that is being filled.
    struct Batch {
        var began: ContinuousClock.Instant
        /// When the last of its inputs was ready; its beginning before that.
        var lastReady: ContinuousClock.Instant
        /// The earliest of its inputs' deadlines.
        var deadline: ContinuousClock.Instant?
        var ready = 0
        var decoding = 0

        var count: Int { ready + decoding }
    }

    /// What is around the batch.
    struct Surroundings {
        /// Inputs of the batch's model that wait.
        var waiting = 0
        /// Whether a free session would have something else to do, or nothing more will come.
        var isHurried = false
        /// Decoders that are busy with what earlier batches left behind.
        var stragglers = 0
        /// What decoding an image usually takes.
        var usualDecode = Duration.zero
        /// What decoding the first of those that wait is expected to take.
        var nextDecode = Duration.zero
        /// What runs of the batch's model take.
        var cost = ModelCost()
    }

    /// Why a batch was run when it was.
    enum Release: String, CaseIterable {
        /// It was as large as a batch may be.
        case full
        /// Nothing more waited: a free session takes what there is.
        case sessionFree = "session_free"
        /// Nothing more came within the longest delay.
        case delay
        /// One input more would have taken it past the deadline of one that it had.
        case deadline
        /// It did not wait for an input that takes much longer than the others.
        case straggler
    }

    /// Whether one input more, which takes so long to decode, may join: those that the batch has were promised an answer in time.
    func mayJoin(_ batch: Batch, decode: Duration = .zero, cost: ModelCost, at now: ContinuousClock.Instant) -> Bool {
        batch.count < largestBatch && batch.deadline.map { now + decode + cost.expectedRun(images: batch.count + 1) <= $0 } ?? true
    }

    /// Whether the batch is to be run, or when to ask again.
    ///
    /// A decoder that is done takes what may join before anybody else can look: where none is at work nothing more may or wants to.
    func release(_ batch: Batch, _ around: Surroundings, at now: ContinuousClock.Instant) -> Waiting<Release> {
        guard batch.ready > 0 else { return .wait(until: nil) }
        guard batch.decoding == 0 else {
            guard batch.decoding <= decoders - around.stragglers else { return .wait(until: nil) }
            let end = batch.lastReady + max(stragglerWait, around.usualDecode * 4)
            return end <= now ? .done(.straggler) : .wait(until: end)
        }
        if batch.ready >= largestBatch { return .done(.full) }
        if around.waiting > 0, !mayJoin(batch, decode: around.nextDecode, cost: around.cost, at: now) { return .done(.deadline) }
        guard maxDelay > .zero, !around.isHurried else { return .done(.sessionFree) }
        let end = batch.began + maxDelay
        if end <= now { return .done(.delay) }
        guard let deadline = batch.deadline else { return .wait(until: end) }
        let latest = deadline - around.cost.expectedRun(images: batch.count)
        guard latest < end else { return .wait(until: end) }
        return latest <= now ? .done(.deadline) : .wait(until: latest)
    }
}
