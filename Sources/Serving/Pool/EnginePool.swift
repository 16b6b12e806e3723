import Imaging
import SENet
import Threads

/// Runs models on images and tensors: lanes take what waits, prepare it and run it in batches.
///
/// By default no timer forms batches: while the lanes are busy inputs gather, and a lone one never waits. Everything is bounded: what is not
/// refused at once is answered. Models come and go while requests run.
public final class EnginePool: Sendable {
    public struct Options: Sendable {
        /// Threads that compute, over all sessions.
        public var threads: Int
        /// The most inputs that one run takes.
        public var largestBatch = 16
        /// How long a free session waits for a fuller batch.
        public var maxDelay: Duration = .zero
        /// The most inputs of one model that may wait; nil for what one second of measured throughput clears.
        public var queue: Int?
        /// The most requests that one client may have in flight; 0 for no limit.
        public var clientRequests = 0
        /// Whether an address speaks for many clients, as a proxy's does: it is not held to what one client may have.
        public var isTrustedClient: @Sendable (String) -> Bool = { _ in false }
        /// How long a batch waits for an input when all others are decoded; at least four times what an image usually takes.
        public var stragglerWait: Duration = .milliseconds(20)
        public var decoder = ImageDecoder()
        /// How much decoding, in one core's time as estimated, a request may ask for, and the heavy images that a client has in hand; nil for no
        /// limit.
        public var decodeBudget: Duration?
        /// Bytes that all decoders may hold together, besides the images' files and crops. Three quarters are for heavy images.
        public var decodeMemory: Int

        /// - Parameter threads: also decides how much memory is for decoding: 512 MiB, and 32 MiB a thread where that is more.
        public init(threads: Int = ProcessorCount.available) {
            self.threads = threads
            decodeMemory = max(512 << 20, threads * 32 << 20)
        }

        /// A team of more threads than this gains little on one image; further threads make sessions of their own.
        private static let largestTeam = 8
        public var sessions: Int { max(1, threads / Self.largestTeam) }
        public var threadsPerSession: Int { max(1, threads / sessions) }
    }

    /// What the threads of a lane wait for.
    struct Lane: Sendable {
        let index: Int
        /// There may be an input to prepare.
        let work = Condition()
        /// There may be a batch to run, or a session to be opened or closed.
        let batch = Condition()
    }

    public let options: Options
    let metrics: PoolMetrics
    let monitor: Monitor<PoolState>
    let lanes: [Lane]
    /// There may be a heavy image to decode.
    let heavyWork = Condition()
    /// Whoever adds or removes a model, or closes the pool, waits for it.
    let progress = Condition()

    /// Starts the threads and adds the models.
    ///
    /// - Throws: `ModelError.engine` if memory or threads cannot be had.
    public init(models: [Model], options: Options, metrics: Metrics = Metrics()) throws(ModelError) {
        self.options = options
        self.metrics = PoolMetrics(metrics)
        lanes = (0..<options.sessions).map { Lane(index: $0) }
        monitor = Monitor(PoolState(options))
        declareReadings(metrics)
        do throws(ModelError) {
            try startThreads()
            for model in models { try add(model) }
        } catch {
            close()
            throw error
        }
    }

    private func startThreads() throws(ModelError) {
        do throws(ThreadError) {
            // The threads hold the pool until it is closed.
            for lane in lanes {
                try WorkerThread("lane \(lane.index)", isPatient: true) { self.run(lane) }.detach()
                for _ in 0..<options.threadsPerSession { try startDecoder(lane) }
            }
            for number in 0..<options.heavyDecoders { try WorkerThread("heavy decoder \(number)") { self.prepareHeavyImages() }.detach() }
        } catch {
            throw ModelError(error)
        }
    }

    /// Inputs accepted and not yet answered.
    public var unanswered: Int { monitor.withLock(\.models.unanswered) }

    /// Takes all inputs of a request, or refuses it at once.
    ///
    /// - Parameter answer: called exactly once, with the inputs' answers in their order: on any thread, here if it is a refusal.
    /// - Precondition: there is an input.
    public func submit(_ request: InferenceRequest, answer: @escaping @Sendable ([Result<Inference, InferenceError>]) -> Void) {
        precondition(!request.inputs.isEmpty, "a request without inputs")
        let now = ContinuousClock.now
        let costs = request.inputs.map { $0.decodeCost(options.decoder) }
        let refusal: InferenceError? = monitor.withLock { state in
            let demand = state.demand(costs, of: request.client)
            if let refusal = state.refusal(request, demand, at: now) { return refusal }
            state.accept(request, demand, PendingRequest(request, ordinaryDecode: demand.ordinary, answer: answer), at: now)
            let ordinary = request.inputs.count - demand.heavyImages
            if ordinary > 0 { wakeDecoders(state, model: request.model, inputs: ordinary) }
            if demand.heavyImages > 0 { heavyWork.broadcast() }
            return nil
        }
        metrics.admit(request, inputs: request.inputs.count, isRefused: refusal != nil)
        if let refusal {
            metrics.reject(refusal, inputs: request.inputs.count)
            answer(request.inputs.map { _ in .failure(refusal) })
        }
    }

    /// Why a request would be refused now, as far as can be told before its inputs are here; counted as a refusal. Nil if it would not.
    ///
    /// - Parameter request: without inputs; one is reckoned with.
    public func refuse(_ request: InferenceRequest) -> InferenceError? {
        let refusal = monitor.withLock { $0.refusal(request, $0.demand([], of: request.client), at: .now) }
        if let refusal {
            metrics.reject(refusal)
            metrics.admit(request, inputs: 1, isRefused: true)
        }
        return refusal
    }

    /// What has become of the inputs that were accepted for a model.
    public func statistics(of model: Model) -> ModelStatistics {
        monitor.withLock { $0.models[model]?.statistics } ?? ModelStatistics()
    }

    /// The most inputs that are run together.
    public var largestBatch: Int { options.largestBatch }

    /// Refuses new requests, waits until every accepted input is answered, and ends the threads.
    public func close() {
        monitor.withLock { $0.isClosed = true }
        // A batch that waits to become fuller need not any more.
        for lane in lanes { lane.batch.signal() }
        monitor.wait(on: progress) { state -> Void? in
            guard state.models.all.allSatisfy(\.isQuiet) else { return nil }
            state.isOver = true
            return ()
        }
        for lane in lanes {
            lane.work.broadcast()
            lane.batch.signal()
        }
        heavyWork.broadcast()
        progress.broadcast()
    }

    /// Answers for an input; makes room first: who has an answer may send the next request at once.
    func finish<Stage>(_ job: Job<Stage>, _ result: PendingRequest.Answer) {
        if case .failure(let error) = result { metrics.reject(error) }
        let request = job.request
        let answers = request.take(result, for: job.index)
        let duration = ContinuousClock.now - job.submitted
        monitor.withLock { state in
            state.models.update(request.model) { $0.statistics.add(result, after: duration) }
            state.finish(request, isLast: answers != nil)
        }
        guard let answers else { return }
        request.answer(answers)
        monitor.withLock { state in
            state.answered(request)
            if state.isClosed || state.models[request.model]?.phase == .leaving { progress.broadcast() }
        }
    }

    /// Wakes decoders for inputs that have come, of as many lanes as they fill. Where no lane has room, the one that is free next looks by
    /// itself.
    func wakeDecoders(_ state: PoolState, model: Model, inputs: Int) {
        var rest = inputs
        for (lane, room) in state.lanesWithRoom(for: model) where rest > 0 {
            if rest == 1 { lanes[lane].work.signal() } else { lanes[lane].work.broadcast() }
            rest -= room
        }
        guard rest == inputs else { return }
        // Batches of other models that wait to become fuller need not any more.
        for lane in lanes where state.lanes[lane.index].forming != nil { lane.batch.signal() }
    }
}
