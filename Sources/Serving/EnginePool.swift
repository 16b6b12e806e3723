import DequeModule
import Foundation
import Imaging
import SENet

/// Classifies images: decoders make crops of them, and sessions run whatever waits, in batches, the moment they are free.
///
/// No timer forms batches: while the sessions are busy images gather, and a lone image never waits. Everything is bounded: an image is
/// accepted only while fewer than `queue` are unanswered, and every accepted one is answered.
public final class EnginePool: Sendable {
    public struct Options: Sendable {
        /// Threads that compute, over all sessions.
        public var threads: Int
        /// The most images that one run takes.
        public var largestBatch = 16
        /// The most images that may be unanswered.
        public var queue = 256
        public var decoder = ImageDecoder()

        public init(threads: Int = ProcessorCount.available) { self.threads = threads }

        /// A team of more threads than this gains little on one image; further threads make sessions of their own.
        private static let largestTeam = 8
        var sessions: Int { max(1, threads / Self.largestTeam) }
        var threadsPerSession: Int { max(1, threads / sessions) }
    }

    public let models: [Model]
    public let options: Options
    let metrics: Metrics
    private let monitor = Monitor(State())

    private struct State {
        var undecoded: Deque<Job> = []
        /// By model.
        var decoded: [ObjectIdentifier: Deque<DecodedJob>] = [:]
        /// The model after the one that ran last goes first.
        var nextModel = 0
        var unanswered = 0
        /// Answers that are being given.
        var answering = 0
        var isClosed = false
        var secondsPerImage: Double?
        var startedSessions = 0
        var startFailure: ModelError?
    }

    struct Job: Sendable {
        let request: ClassificationRequest
        let submitted: ContinuousClock.Instant
        let answer: @Sendable (Result<Classification, ClassificationError>) -> Void
    }

    struct DecodedJob: Sendable {
        let job: Job
        let crop: RGBImage
        let description: ImageDescription
        let decode: Duration
    }

    /// Starts the threads and runs each model once, so that the first request finds memory and caches warm.
    ///
    /// - Throws: `ModelError.engine` if memory or threads cannot be had.
    public init(models: [Model], options: Options, metrics: Metrics = Metrics()) throws(ModelError) {
        self.models = models
        self.options = options
        self.metrics = metrics
        Self.declare(metrics)
        metrics.declare(.gauge, "excite_queue_depth", help: "Images accepted and not yet answered.") { [weak self] in
            Double(self?.unanswered ?? 0)
        }
        for index in 0..<options.sessions { start("session \(index)") { $0.runSession() } }
        for index in 0..<options.threads { start("decoder \(index)") { $0.decodeImages() } }
        monitor.wait { $0.startFailure != nil || $0.startedSessions == options.sessions ? () : nil }
        if let failure = monitor.read(\.startFailure) {
            close()
            throw failure
        }
    }

    /// The threads hold the pool until it is closed.
    private func start(_ name: String, _ body: @escaping @Sendable (EnginePool) -> Void) {
        let thread = Thread { body(self) }
        thread.name = name
        thread.start()
    }

    /// Images accepted and not yet answered.
    public var unanswered: Int { monitor.read(\.unanswered) }

    /// Takes an image, or refuses it at once. `answer` is called exactly once, on any thread, here if it is a refusal.
    ///
    /// - Precondition: the request's model is one of the pool's.
    public func submit(
        _ request: ClassificationRequest, answer: @escaping @Sendable (Result<Classification, ClassificationError>) -> Void
    ) {
        precondition(models.contains { $0 === request.model }, "the pool has no session for \(request.model.name)")
        let job = Job(request: request, submitted: .now, answer: answer)
        let refusal: ClassificationError? = monitor.update { state in
            guard !state.isClosed else { return .unavailable }
            guard state.unanswered < options.queue else {
                return .overloaded(retryAfter: .seconds(Double(state.unanswered) * (state.secondsPerImage ?? 0.1)))
            }
            state.unanswered += 1
            state.undecoded.append(job)
            return nil
        }
        if let refusal {
            if case .overloaded = refusal { metrics.add("excite_rejected_total", ["queue_full"]) }
            answer(.failure(refusal))
        }
    }

    /// Refuses new images, waits until every accepted one is answered, and ends the threads.
    public func close() {
        monitor.update { $0.isClosed = true }
        monitor.wait { $0.unanswered == 0 && $0.answering == 0 ? () : nil }
    }

    /// Makes room first: who has an answer may send the next image at once.
    private func finish(_ job: Job, _ result: Result<Classification, ClassificationError>) {
        monitor.update {
            $0.unanswered -= 1
            $0.answering += 1
        }
        job.answer(result)
        monitor.update { $0.answering -= 1 }
    }
}

extension EnginePool {
    private func decodeImages() {
        while let job = nextUndecoded() {
            let started = ContinuousClock.now
            if let deadline = job.request.deadline, deadline < started {
                metrics.add("excite_rejected_total", ["deadline"])
                finish(job, .failure(.deadlinePassed))
                continue
            }
            do throws(ImageError) {
                let crop = try crop(job.request)
                let ready = DecodedJob(job: job, crop: crop.image, description: crop.description, decode: .now - started)
                metrics.add("excite_images_total", [crop.description.format.rawValue])
                monitor.update { $0.decoded[ObjectIdentifier(job.request.model), default: []].append(ready) }
            } catch {
                let isLate = if case .tooSlow = error, let deadline = job.request.deadline { deadline < .now } else { false }
                metrics.add("excite_rejected_total", [isLate ? "deadline" : "bad_image"])
                finish(job, .failure(isLate ? .deadlinePassed : .image(error)))
            }
        }
    }

    private func crop(_ request: ClassificationRequest) throws(ImageError) -> DecodedImage {
        let result = request.image.withBytes { bytes in
            Result { () throws(ImageError) in
                try options.decoder.crop(bytes, for: request.model.preprocessing, deadline: request.deadline)
            }
        }
        return try result.get()
    }

    /// Nil when the pool is closed and nothing waits.
    private func nextUndecoded() -> Job? {
        monitor.wait { state -> Job?? in
            if let job = state.undecoded.popFirst() { return .some(job) }
            return state.isClosed ? .some(nil) : nil
        }
    }

    private func runSession() {
        let sessions: [ObjectIdentifier: Session]
        do throws(ModelError) {
            sessions = try startSessions()
        } catch {
            return monitor.update { $0.startFailure = error }
        }
        monitor.update { $0.startedSessions += 1 }
        while let batch = nextBatch() {
            guard let model = batch.first?.job.request.model, let session = sessions[ObjectIdentifier(model)] else { continue }
            run(batch, model: model, session: session)
        }
    }

    /// A session for each model, run once with what the largest batch would touch first.
    private func startSessions() throws(ModelError) -> [ObjectIdentifier: Session] {
        var sessions: [ObjectIdentifier: Session] = [:]
        for model in models {
            let session = try Session(plan: model.plan, threads: options.threadsPerSession, largestBatch: options.largestBatch)
            let started = ContinuousClock.now
            session.run(images: 1)
            let seconds = (ContinuousClock.now - started).seconds
            monitor.update { $0.secondsPerImage = max($0.secondsPerImage ?? 0, seconds / Double(options.sessions)) }
            sessions[ObjectIdentifier(model)] = session
        }
        return sessions
    }

    /// What waits for the next model in turn, at most the largest batch; nil when the pool is closed and nothing is left.
    private func nextBatch() -> [DecodedJob]? {
        monitor.wait { state -> [DecodedJob]?? in
            for offset in models.indices {
                let index = (state.nextModel + offset) % models.count
                let key = ObjectIdentifier(models[index])
                let batch = Array((state.decoded[key] ?? []).prefix(options.largestBatch))
                guard !batch.isEmpty else { continue }
                state.decoded[key]?.removeFirst(batch.count)
                state.nextModel = (index + 1) % models.count
                return .some(batch)
            }
            return state.isClosed && state.unanswered == 0 ? .some(nil) : nil
        }
    }

    private func run(_ waiting: [DecodedJob], model: Model, session: Session) {
        let started = ContinuousClock.now
        var batch: [DecodedJob] = []
        for decoded in waiting {
            if let deadline = decoded.job.request.deadline, deadline < started {
                metrics.add("excite_rejected_total", ["deadline"])
                finish(decoded.job, .failure(.deadlinePassed))
            } else {
                batch.append(decoded)
            }
        }
        guard !batch.isEmpty else { return }
        session.fill(images: batch.count) { index, input in model.preprocessing.normalize(batch[index].crop, into: input) }
        session.run(images: batch.count)
        let inference = ContinuousClock.now - started
        metrics.add("excite_batches_total", [batch.count == options.largestBatch ? "full" : "session_free"])
        metrics.observe("excite_batch_size", [model.name], Double(batch.count))
        metrics.observe("excite_inference_seconds", [model.name], inference.seconds)
        let perImage = inference.seconds / Double(batch.count * options.sessions)
        monitor.update { $0.secondsPerImage = $0.secondsPerImage.map { 0.9 * $0 + 0.1 * perImage } ?? perImage }
        for (index, decoded) in batch.enumerated() {
            let queue = started - decoded.job.submitted - decoded.decode
            metrics.observe("excite_decode_seconds", [], decoded.decode.seconds)
            metrics.observe("excite_queue_seconds", [], queue.seconds)
            let predictions = Prediction.best(decoded.job.request.top, of: session.logits(index), labels: model.labels)
            finish(
                decoded.job,
                .success(
                    Classification(
                        predictions: predictions, image: decoded.description, decode: decoded.decode, queue: queue, inference: inference,
                        batchSize: batch.count)))
        }
    }

    private static func declare(_ metrics: Metrics) {
        metrics.declare(.counter, "excite_images_total", help: "Images decoded, by format.", labels: ["format"])
        metrics.declare(.counter, "excite_rejected_total", help: "Images not classified, by reason.", labels: ["reason"])
        metrics.declare(.counter, "excite_batches_total", help: "Batches run, by why they were released.", labels: ["released"])
        let sizes: [Double] = [1, 2, 4, 8, 16, 32, 64]
        metrics.declareHistogram("excite_batch_size", help: "Images a batch.", labels: ["model"], buckets: sizes)
        let durations = Metrics.durations
        metrics.declareHistogram("excite_decode_seconds", help: "Decoding, resizing and cropping one image.", buckets: durations)
        metrics.declareHistogram("excite_queue_seconds", help: "Waiting for a decoder and for a session.", buckets: durations)
        metrics.declareHistogram("excite_inference_seconds", help: "Running one batch.", labels: ["model"], buckets: durations)
    }
}

extension Duration {
    /// In seconds, as a floating point number.
    public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
