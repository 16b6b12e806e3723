import SENet
import Threads

/// A session with decoders of its own: as many as its team has threads.
///
/// They take turns. The decoders fill a batch while the team sleeps; then the team computes while the decoders sleep. So there are never
/// more busy threads than CPUs, and the next batch gathers meanwhile in the queue.
final class Lane: Sendable {
    let index: Int
    /// There may be an image to decode.
    let work = Condition()
    /// There may be a batch to run.
    let batch = Condition()

    init(index: Int) { self.index = index }
}

/// What a lane is doing.
struct LaneState {
    /// The batch that is being filled; nil while none is.
    var gathering: Gathering?
    /// Whether the team computes.
    var isComputing = false
    /// When it is expected to have computed.
    var expectedEnd: ContinuousClock.Instant?
    /// Decoders whose batch went without their image.
    var stragglers: Set<Int> = []
    /// The decoders, by number, as the system knows them.
    var decoders: [Int: UInt32?] = [:]
    private var decodersMade = 0

    /// A number for a new decoder.
    mutating func addDecoder() -> Int {
        decodersMade += 1
        decoders[decodersMade] = .some(nil)
        return decodersMade
    }

    /// Whether it could take an image of a model now.
    func hasRoom(model: Int, largestBatch: Int) -> Bool {
        guard !isComputing else { return false }
        return gathering.map { $0.model == model && $0.count < largestBatch } ?? true
    }
}

/// A batch while it is being filled.
struct Gathering {
    let model: Int
    let began: ContinuousClock.Instant
    /// The earliest of its images' deadlines.
    private(set) var deadline: ContinuousClock.Instant?
    /// Whether it could not be run in time with one image more.
    var isCut = false
    /// The decoders at work for it.
    var decoding: Set<Int> = []
    var decoded: [Job] = []
    /// When the last one was decoded.
    var lastDecoded: ContinuousClock.Instant

    init(model: Int, began: ContinuousClock.Instant) {
        self.model = model
        self.began = began
        lastDecoded = began
    }

    var count: Int { decoding.count + decoded.count }

    /// A decoder takes an image for it.
    mutating func take(_ job: Job, _ decoder: Int) {
        decoding.insert(decoder)
        if let other = job.request.deadline { deadline = deadline.map { min($0, other) } ?? other }
    }

    /// Why a batch was run when it was.
    enum Release: String, CaseIterable {
        /// It was as large as a batch may be.
        case full
        /// Nothing more waited: a free session takes what there is.
        case sessionFree = "session_free"
        /// Nothing more came within the longest delay.
        case delay
        /// One image more would have taken it past the deadline of one that it had.
        case deadline
        /// It did not wait for an image that takes much longer than the others.
        case straggler
    }

    /// How long a batch waits for stragglers.
    struct Patience {
        /// For a fuller batch, from its beginning.
        var maxDelay: Duration
        /// What its run is expected to take.
        var run: Duration
        /// From the last image that was decoded.
        var stragglerWait: Duration
        /// The most images that may be left behind.
        var stragglers: Int
    }

    /// Whether the batch is to be run, or when to ask again.
    ///
    /// A decoder that is done takes what waits before anybody else can look: where none is at work nothing waits, or the batch is full.
    func release(at now: ContinuousClock.Instant, largestBatch: Int, patience: Patience) -> Waiting<Release> {
        guard !decoded.isEmpty else { return .wait(until: nil) }
        guard decoding.isEmpty else {
            guard decoding.count <= patience.stragglers else { return .wait(until: nil) }
            let end = lastDecoded + patience.stragglerWait
            return end <= now ? .done(.straggler) : .wait(until: end)
        }
        if decoded.count >= largestBatch { return .done(.full) }
        if isCut { return .done(.deadline) }
        guard patience.maxDelay > .zero else { return .done(.sessionFree) }
        let end = began + patience.maxDelay
        if end <= now { return .done(.delay) }
        guard let deadline, deadline - patience.run < end else { return .wait(until: end) }
        return deadline - patience.run <= now ? .done(.deadline) : .wait(until: deadline - patience.run)
    }
}
