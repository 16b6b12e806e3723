import Imaging

/// A session with decoders of its own, as many as its team has threads: what it is doing, and what can happen to it next.
///
/// Decoders and team take turns. The decoders fill a batch while the team sleeps; then the team computes while the decoders sleep. So there
/// are never more busy threads than CPUs, and the next batch gathers meanwhile in the queue.
struct LaneState {
    enum Phase {
        case idle
        /// The decoders fill a batch.
        case filling(FormingBatch)
        /// The team computes a batch.
        case running(until: ContinuousClock.Instant)
    }

    private struct Decoder {
        /// As the system knows it; nil before it has said so.
        var thread: UInt32?
        /// Whether its batch went without its input.
        var isStraggler = false
        /// What decoding the input takes that it has; nil where it has none, or there is nothing to decode.
        var work: DecodeCost?
    }

    private(set) var phase = Phase.idle
    /// Models that it has a session for.
    private(set) var sessions: Set<Model> = []
    /// By number.
    private var decoders: [Int: Decoder] = [:]
    private var decodersMade = 0

    /// The batch that is being filled; nil while none is.
    var forming: FormingBatch? { if case .filling(let batch) = phase { batch } else { nil } }

    /// Decoders that are busy with what a batch left behind.
    var stragglers: Int { decoders.values.count(where: \.isStraggler) }
    /// Decoders that fill batches.
    var activeDecoders: Int { decoders.count - stragglers }

    /// Bytes that its decoders hold, as estimated.
    var decodeMemory: Int { decoders.values.reduce(0) { $0 + ($1.work?.memory ?? 0) } }
    /// Decoding, as estimated, of what the decoders have for the batch that is being filled.
    var decodeInHand: Duration { decoders.values.reduce(.zero) { $0 + ($1.isStraggler ? .zero : $1.work?.duration ?? .zero) } }

    func work(decoder: Int) -> DecodeCost? { decoders[decoder]?.work }

    // MARK: Sessions

    mutating func open(_ model: Model) { sessions.insert(model) }

    mutating func close(_ model: Model) { sessions.remove(model) }

    // MARK: Batches

    /// A decoder takes an input for the batch that is being filled, or begins one with it.
    ///
    /// - Precondition: the team does not compute, and the input is of the batch's model.
    mutating func take(_ job: WaitingJob, decoder: Int, at now: ContinuousClock.Instant) {
        var batch: FormingBatch
        switch phase {
        case .idle: batch = FormingBatch(model: job.request.model, began: now)
        case .filling(let begun): batch = begun
        case .running: preconditionFailure("a batch is filled while the team computes")
        }
        batch.take(job, decoder: decoder)
        decoders[decoder]?.work = job.decoding
        phase = .filling(batch)
    }

    /// What becomes of an input that a decoder gives back.
    enum Return {
        /// Its batch has it.
        case joined(isFirst: Bool)
        /// The batch has gone without it.
        case missed(PreparedJob)
        /// It has had its answer.
        case answered
    }

    /// A decoder is done with its input. One that was left behind is as the others again.
    mutating func giveBack(_ preparation: Preparation, decoder: Int, at now: ContinuousClock.Instant) -> Return {
        decoders[decoder]?.work = nil
        if decoders[decoder]?.isStraggler == false, case .filling(var batch) = phase {
            // Held once only: else its list of what is ready would be copied.
            phase = .idle
            batch.giveBack(preparation, decoder: decoder, at: now)
            if batch.status.count > 0 { phase = .filling(batch) }
            if case .prepared = preparation { return .joined(isFirst: batch.ready.count == 1) }
            return .answered
        }
        decoders[decoder]?.isStraggler = false
        if case .prepared(let job) = preparation { return .missed(job) }
        return .answered
    }

    /// The team takes the batch. Decoders that are still at work for it have become stragglers.
    mutating func run(_ batch: FormingBatch, until end: ContinuousClock.Instant) {
        for decoder in batch.decoding { decoders[decoder]?.isStraggler = true }
        phase = .running(until: end)
    }

    /// The team has computed: the decoders' turn.
    mutating func finishRun() { phase = .idle }

    // MARK: Decoders

    /// A number for a new decoder.
    mutating func addDecoder() -> Int {
        decodersMade += 1
        decoders[decodersMade] = Decoder()
        return decodersMade
    }

    mutating func removeDecoder(_ number: Int) { decoders[number] = nil }

    mutating func name(_ thread: UInt32?, decoder: Int) { decoders[decoder]?.thread = thread }

    func thread(decoder: Int) -> UInt32? { decoders[decoder]?.thread }
}

/// A batch while it is being filled.
struct FormingBatch {
    let model: Model
    private let began: ContinuousClock.Instant
    private var lastReady: ContinuousClock.Instant
    private var deadline: ContinuousClock.Instant?
    /// Numbers of the decoders at work for it.
    private(set) var decoding: Set<Int> = []
    private(set) var ready: [PreparedJob] = []

    init(model: Model, began: ContinuousClock.Instant) {
        self.model = model
        self.began = began
        lastReady = began
    }

    /// What is decided by.
    var status: BatchPolicy.Batch {
        BatchPolicy.Batch(began: began, lastReady: lastReady, deadline: deadline, ready: ready.count, decoding: decoding.count)
    }

    mutating func take(_ job: WaitingJob, decoder: Int) {
        decoding.insert(decoder)
        if let other = job.request.deadline { deadline = deadline.map { min($0, other) } ?? other }
    }

    mutating func giveBack(_ preparation: Preparation, decoder: Int, at now: ContinuousClock.Instant) {
        decoding.remove(decoder)
        guard case .prepared(let job) = preparation else { return }
        ready.append(job)
        lastReady = now
    }
}
