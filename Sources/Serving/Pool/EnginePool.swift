import Imaging
import SENet
import Threads

/// Classifies images: lanes take what waits, decode it and run it in batches.
///
/// By default no timer forms batches: while the lanes are busy images gather, and a lone image never waits. Everything is bounded: what is
/// not refused at once is answered.
public final class EnginePool: Sendable {
    public struct Options: Sendable {
        /// Threads that compute, over all sessions.
        public var threads: Int
        /// The most images that one run takes.
        public var largestBatch = 16
        /// How long a free session waits for a fuller batch.
        public var maxDelay: Duration = .zero
        /// The most images of one model that may wait; nil for what one second of measured throughput clears.
        public var queue: Int?
        /// The most requests that one client may have in flight; 0 for no limit.
        public var clientRequests = 0
        /// How long a batch waits for an image when all others are decoded; at least four times what an image usually takes.
        public var stragglerWait: Duration = .milliseconds(20)
        public var decoder = ImageDecoder()

        public init(threads: Int = ProcessorCount.available) { self.threads = threads }

        /// A team of more threads than this gains little on one image; further threads make sessions of their own.
        private static let largestTeam = 8
        var sessions: Int { max(1, threads / Self.largestTeam) }
        var threadsPerSession: Int { max(1, threads / sessions) }
    }

    struct State {
        var queue: WaitingQueue
        var lanes: [LaneState]
        var admission: Admission
        /// Seconds that decoding an image usually takes.
        var usualDecode = 0.0
        /// Requests in flight, where they are limited.
        var clients: [String: Int] = [:]
        /// Images accepted and not yet answered.
        var unanswered = 0
        /// Answers that are being given.
        var answering = 0
        /// No more requests are accepted.
        var isClosed = false
        /// The threads are to end.
        var isOver = false
        var startedLanes = 0
        var startFailure: ModelError?

        /// Follows what decoding takes; a rare huge image hardly changes what is usual.
        mutating func decoded(seconds: Double) {
            guard usualDecode > 0 else {
                usualDecode = seconds
                return
            }
            usualDecode += 0.05 * (min(seconds, 4 * usualDecode) - usualDecode)
        }
    }

    public let models: [Model]
    public let options: Options
    let metrics: PoolMetrics
    let monitor: Monitor<State>
    let lanes: [Lane]
    /// The start, and the end, wait for it.
    let progress = Condition()

    /// Starts the threads and runs each model once, so that the first request finds memory and caches warm.
    ///
    /// - Throws: `ModelError.engine` if memory or threads cannot be had.
    public init(models: [Model], options: Options, metrics: Metrics = Metrics()) throws(ModelError) {
        self.models = models
        self.options = options
        self.metrics = PoolMetrics(metrics)
        lanes = (0..<options.sessions).map(Lane.init)
        monitor = Monitor(
            State(
                queue: WaitingQueue(models: models.count), lanes: lanes.map { _ in LaneState() },
                admission: Admission(models: models.count, options: options)))
        declareReadings(metrics)
        do throws(ModelError) {
            try startThreads()
            let failure = monitor.wait(on: progress) { state -> ModelError?? in
                state.startFailure != nil || state.startedLanes == options.sessions ? .some(state.startFailure) : nil
            }
            if let failure { throw failure }
        } catch {
            close()
            throw error
        }
    }

    private func startThreads() throws(ModelError) {
        do throws(ThreadError) {
            // The threads hold the pool until it is closed.
            for lane in lanes {
                try WorkerThread("lane \(lane.index)") { self.run(lane) }.detach()
                for _ in 0..<options.threadsPerSession { try startDecoder(lane) }
            }
        } catch {
            throw ModelError(error)
        }
    }

    /// Images accepted and not yet answered.
    public var unanswered: Int { monitor.withLock(\.unanswered) }

    /// Takes all images of a request, or refuses it at once.
    ///
    /// - Parameter answer: called exactly once, with the images' answers in their order: on any thread, here if it is a refusal.
    /// - Precondition: there is an image, and the request's model is one of the pool's.
    public func submit(
        _ request: ClassificationRequest, answer: @escaping @Sendable ([Result<Classification, ClassificationError>]) -> Void
    ) {
        let model = index(of: request.model)
        precondition(!request.images.isEmpty, "a request without images")
        let (now, pending) = (ContinuousClock.now, PendingRequest(request, model: model, answer: answer))
        let refusal: ClassificationError? = monitor.withLock { state in
            if let refusal = state.refusal(request, model: model, options: options, now: now) { return refusal }
            if options.clientRequests > 0 { state.clients[request.client, default: 0] += 1 }
            state.unanswered += request.images.count
            for (index, image) in request.images.enumerated() {
                state.queue.append(Job(request: pending, index: index, submitted: now, image: image))
            }
            wakeDecoders(state, model: model, images: request.images.count)
            return nil
        }
        if let refusal {
            metrics.reject(refusal, images: request.images.count)
            answer(request.images.map { _ in .failure(refusal) })
        }
    }

    /// Why a request would be refused now, as far as can be told before its images are here; counted as a refusal. Nil if it would not.
    ///
    /// - Parameter request: without images; one is reckoned with.
    /// - Precondition: the request's model is one of the pool's.
    public func refuse(_ request: ClassificationRequest) -> ClassificationError? {
        let model = index(of: request.model)
        let refusal = monitor.withLock { $0.refusal(request, model: model, options: options, now: .now) }
        if let refusal { metrics.reject(refusal) }
        return refusal
    }

    private func index(of model: Model) -> Int {
        guard let index = models.firstIndex(where: { $0 === model }) else {
            preconditionFailure("the pool has no session for \(model.name)")
        }
        return index
    }

    /// Refuses new images, waits until every accepted one is answered, and ends the threads.
    public func close() {
        monitor.withLock { $0.isClosed = true }
        for lane in lanes { lane.batch.broadcast() }
        monitor.wait(on: progress) { state -> Void? in
            guard state.unanswered == 0, state.answering == 0 else { return nil }
            state.isOver = true
            return ()
        }
        for lane in lanes {
            lane.work.broadcast()
            lane.batch.broadcast()
        }
    }

    /// Answers for an image; makes room first: who has an answer may send the next request at once.
    func finish(_ job: Job, _ result: PendingRequest.Answer) {
        if case .failure(let error) = result { metrics.reject(error) }
        let answers = job.request.take(result, for: job.index)
        monitor.withLock { state in
            state.unanswered -= 1
            guard answers != nil else { return }
            state.answering += 1
            guard options.clientRequests > 0 else { return }
            let left = (state.clients[job.request.client] ?? 1) - 1
            state.clients[job.request.client] = left > 0 ? left : nil
        }
        guard let answers else { return }
        job.request.answer(answers)
        monitor.withLock {
            $0.answering -= 1
            if $0.isClosed { progress.broadcast() }
        }
    }

    /// Wakes decoders for images that have come: of a free lane, else of one whose batch they can join. Where there is none, the lane that
    /// is free next looks by itself.
    func wakeDecoders(_ state: State, model: Int, images: Int) {
        func index(where condition: (LaneState) -> Bool) -> Int? {
            state.lanes.firstIndex { $0.hasRoom(model: model, largestBatch: options.largestBatch) && condition($0) }
        }
        guard let index = index(where: { $0.gathering == nil }) ?? index(where: { _ in true }) else {
            // Batches of other models that wait to become fuller need not any more.
            for (lane, state) in zip(lanes, state.lanes) where state.gathering != nil { lane.batch.signal() }
            return
        }
        if images == 1 { lanes[index].work.signal() } else { lanes[index].work.broadcast() }
    }
}

extension EnginePool.State {
    fileprivate func refusal(
        _ request: ClassificationRequest, model: Int, options: EnginePool.Options, now: ContinuousClock.Instant
    ) -> ClassificationError? {
        guard !isClosed else { return .unavailable }
        let backlog = backlog(at: now)
        if options.clientRequests > 0, clients[request.client, default: 0] >= options.clientRequests {
            return .tooManyFromClient(retryAfter: .seconds(backlog / Double(lanes.count)))
        }
        return admission.refusal(
            model: model, images: max(1, request.images.count), waiting: queue.count(model: model), backlog: backlog,
            remaining: request.deadline.map { $0 - now })
    }

    /// Seconds that one lane would take for all that is accepted.
    private func backlog(at now: ContinuousClock.Instant) -> Double {
        var seconds = 0.0
        for (model, cost) in admission.costs.enumerated() { seconds += cost.each * Double(queue.count(model: model)) }
        for lane in lanes {
            if let end = lane.expectedEnd { seconds += max(0, (end - now).seconds) }
            if let gathering = lane.gathering { seconds += admission.costs[gathering.model].each * Double(gathering.count) }
        }
        return seconds
    }
}

extension Duration {
    /// In seconds, as a floating point number.
    public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
