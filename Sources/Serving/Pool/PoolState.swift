import Imaging
import Threads

/// What the threads of a pool share under its lock.
struct PoolState {
    let options: EnginePool.Options
    let policy: BatchPolicy
    let admission: Admission
    var models = ServedModels()
    var lanes: [LaneState]
    var heavy: HeavyImages
    /// Seconds that decoding an image usually takes.
    private var usualDecode = 0.0
    /// What decoding takes here, by what was estimated.
    private var decodeRatio = Estimate(1)
    /// Those that have requests in flight.
    private var clients: [String: Client] = [:]
    /// No more requests are accepted.
    var isClosed = false
    /// The threads are to end.
    var isOver = false

    private struct Client {
        var requests = 0
        /// Decoding by ordinary decoders, as estimated, that its requests in flight ask for.
        var decode = Duration.zero
    }

    init(_ options: EnginePool.Options) {
        self.options = options
        policy = BatchPolicy(options)
        admission = Admission(options)
        lanes = (0..<options.sessions).map { _ in LaneState() }
        heavy = HeavyImages(options)
    }

    // MARK: Requests

    /// Whether a client is not held to what one client may have: one without a name is the only one.
    private func isTrusted(_ client: String) -> Bool { client.isEmpty || options.isTrustedClient(client) }

    /// How a client's images would be decoded now.
    func demand(_ costs: [DecodeCost?], of client: String) -> DecodeDemand {
        let left = options.ordinaryDecodePerClient - (clients[client]?.decode ?? .zero)
        return DecodeDemand(costs, allowance: isTrusted(client) ? options.ordinaryDecode : left, options)
    }

    /// Why a request would not be accepted now; nil if it would. One without inputs is reckoned with one that takes no decoding.
    func refusal(_ request: InferenceRequest, _ demand: DecodeDemand, at now: ContinuousClock.Instant) -> InferenceError? {
        guard !isClosed, let served = models[request.model], served.phase == .serving else { return .unavailable }
        if let budget = options.decodeBudget, demand.total > budget { return .decodeTimeTooLong(demand.total, limit: budget) }
        let (isIdle, backlog) = (models.unanswered == 0, backlog(before: request.priority, at: now))
        let ratio = decodeRatio.believed(at: now, isIdle: isIdle).value
        let isTrusted = isTrusted(request.client)
        if options.clientRequests > 0, clients[request.client]?.requests ?? 0 >= options.clientRequests, !isTrusted {
            return .tooManyFromClient(retryAfter: .seconds(admission.clearance(backlog)))
        }
        var decoding = max(demand.ordinary.seconds / Double(options.threadsPerSession), demand.longest.seconds)
        if demand.heavyImages > 0 {
            let ofClient = heavy.inHand(of: request.client)
            if let budget = options.decodeBudget, ofClient + demand.heavy > budget, !isTrusted {
                return .tooMuchDecodingForClient(retryAfter: .seconds(ratio * heavy.clearance(ofClient)))
            }
            guard heavy.waiting < admission.limit(served.cost, request.priority) else {
                return .overloaded(retryAfter: .seconds(ratio * heavy.clearance(heavy.inHand)))
            }
            decoding = max(decoding, heavy.clearance(heavy.inHand + demand.heavy))
        }
        return admission.refusal(
            images: max(1, request.inputs.count), priority: request.priority, cost: served.cost.believed(at: now, isIdle: isIdle),
            waiting: served.waiting.count,
            backlog: backlog, decoding: ratio * decoding, remaining: request.deadline.map { $0 - now })
    }

    /// Seconds that one lane would take for all that is accepted, not heavy, and goes before a new input of that priority.
    private func backlog(before priority: Priority, at now: ContinuousClock.Instant) -> Double {
        let ratio = decodeRatio.believed(at: now, isIdle: false).value / Double(options.threadsPerSession)
        var seconds = 0.0
        for served in models.all {
            let each = served.cost.believed(at: now, isIdle: false).each.value
            let before = served.waiting.before(priority)
            seconds += each * Double(before.count) + ratio * before.decode.seconds
        }
        for lane in lanes {
            switch lane.phase {
            case .idle: break
            case .filling(let batch):
                guard let served = models[batch.model] else { continue }
                let each = served.cost.believed(at: now, isIdle: false).each.value
                seconds += each * Double(batch.status.count) + ratio * lane.decodeInHand.seconds
            case .running(let end): seconds += max(0, (end - now).seconds)
            }
        }
        return seconds
    }

    /// Takes all inputs of a request that is not refused.
    mutating func accept(_ request: InferenceRequest, _ demand: DecodeDemand, _ pending: PendingRequest, at now: ContinuousClock.Instant) {
        clients[request.client, default: Client()].requests += 1
        clients[request.client]?.decode += demand.ordinary
        models.update(request.model) { $0.unanswered += request.inputs.count }
        for (index, input) in request.inputs.enumerated() {
            let job = Job(request: pending, index: index, submitted: now, stage: WaitingInput.sent(input, demand.costs[index]))
            if demand.isHeavy[index] { heavy.append(job) } else { models.append(job) }
        }
    }

    /// An input has its answer; `isLast` of its request, whose answer is then given.
    mutating func finish(_ request: PendingRequest, isLast: Bool) {
        models.update(request.model) { served in
            served.unanswered -= 1
            if isLast { served.answering += 1 }
        }
        guard isLast, var client = clients[request.client] else { return }
        client.requests -= 1
        client.decode -= request.ordinaryDecode
        clients[request.client] = client.requests > 0 ? client : nil
    }

    /// A request's answer has been given.
    mutating func answered(_ request: PendingRequest) { models.update(request.model) { $0.answering -= 1 } }

    // MARK: Batches

    /// An input for a decoder of a lane, which joins the lane's batch; nil where none may now.
    mutating func nextJob(lane: Int, decoder: Int, at now: ContinuousClock.Instant) -> WaitingJob? {
        let job: WaitingJob?
        switch lanes[lane].phase {
        case .running: return nil
        case .idle: job = models.takeNext()
        case .filling(let batch):
            guard let served = models[batch.model],
                policy.mayJoin(batch.status, decode: expectedDecode(served.waiting.first), cost: served.cost, at: now)
            else { return nil }
            job = models.take(batch.model)
        }
        if let job { lanes[lane].take(job, decoder: decoder, at: now) }
        return job
    }

    /// The batch that a lane's team takes now, and why; or when to ask again.
    mutating func takeBatch(lane: Int, at now: ContinuousClock.Instant) -> Waiting<(batch: FormingBatch, release: BatchPolicy.Release)> {
        guard let batch = lanes[lane].forming, let served = models[batch.model] else { return .wait(until: nil) }
        let around = BatchPolicy.Surroundings(
            waiting: served.waiting.count,
            isHurried: isClosed || served.phase == .leaving || models.isAnyWaiting(besides: batch.model),
            stragglers: lanes[lane].stragglers, usualDecode: .seconds(usualDecode), nextDecode: expectedDecode(served.waiting.first),
            cost: served.cost)
        switch policy.release(batch.status, around, at: now) {
        case .wait(let instant): return .wait(until: instant)
        case .done(let release):
            lanes[lane].run(batch, until: now + .seconds(served.cost.each.value * Double(batch.status.ready)))
            return .done((batch, release))
        }
    }

    /// How long decoding a waiting input is expected to take.
    private func expectedDecode(_ job: WaitingJob?) -> Duration { (job?.decoding?.duration ?? .zero) * decodeRatio.value }

    /// Follows what decoding an image took that is not heavy.
    mutating func followDecoding(_ taken: Duration, estimated: Duration, for model: Model) {
        let (seconds, decoders) = (taken.seconds, Double(options.threadsPerSession))
        models.update(model) { $0.cost.follow(decoding: seconds / decoders) }
        // A rare image that is far from what was expected hardly changes what is.
        usualDecode = usualDecode > 0 ? usualDecode + 0.05 * (min(seconds, 4 * usualDecode) - usualDecode) : seconds
        decodeRatio.follow(min(seconds / estimated.seconds, 4 * decodeRatio.value), at: .now)
    }

    /// Bytes that all decoders hold, as estimated.
    var decodeMemory: Int { lanes.reduce(heavy.memory) { $0 + $1.decodeMemory } }

    /// The lanes that could take inputs of a model now, and how many: free ones first, then those whose batch they can join.
    func lanesWithRoom(for model: Model) -> [(lane: Int, room: Int)] {
        var (free, filling): ([(lane: Int, room: Int)], [(lane: Int, room: Int)]) = ([], [])
        for (lane, state) in lanes.enumerated() {
            switch state.phase {
            case .idle: free.append((lane, policy.largestBatch))
            case .filling(let batch) where batch.model == model: filling.append((lane, policy.largestBatch - batch.status.count))
            case .filling, .running: break
            }
        }
        return (free + filling).filter { $0.room > 0 }
    }
}
