import Testing
import Threads

@testable import Serving

/// A pool of one session and one decoder, whose session a test holds up, so that it decides what waits when the session is free.
///
/// An answer is given on the session's thread: an answer that waits holds the session up.
final class HeldPool {
    let pool: EnginePool
    let metrics = Metrics()
    let answers = Answers()
    private let release = Gate()
    private var submitted = 0

    init(_ models: [Model], change: (inout EnginePool.Options) -> Void = { _ in }) throws {
        var options = EnginePool.Options(threads: 1)
        // Not what a second clears: that depends on how busy the machine is.
        options.queue = 100
        change(&options)
        pool = try EnginePool(models: models, options: options, metrics: metrics)
        let held = Gate()
        pool.submit(InferenceRequest(image: try TestImages.jpeg("one_pixel"), model: models[0])) { [release] _ in
            held.open()
            release.pass()
        }
        held.pass()
    }

    deinit {
        release.open()
        pool.close()
    }

    func submit(_ request: InferenceRequest) {
        let index = submitted
        submitted += 1
        pool.submit(request, to: answers, index)
    }

    /// Waits until the decoder has done what it can.
    func decodeAll() { #expect(eventually { pool.isGathered }) }

    /// Lets the session go on, and waits for all answers.
    func finish() -> [Answers.Answer] {
        release.open()
        return answers.sorted(submitted)
    }
}

extension InferenceRequest {
    /// Several images.
    init(images: [any EncodedImage], model: Model) { self.init(inputs: images.map { .image($0) }, model: model) }
}

extension EnginePool {
    func submit(_ request: InferenceRequest, to answers: Answers, _ index: Int) {
        submit(request) { answers.add(index, $0[0]) }
    }

    /// Inputs that wait.
    var waiting: Int { monitor.withLock { $0.models.all.reduce(0) { $0 + $1.waiting.count } } }

    /// Whether the first lane's decoders have filled a batch as far as they can.
    var isGathered: Bool {
        monitor.withLock { state in
            guard let batch = state.lanes[0].forming else { return !state.models.isAnyWaiting }
            let isFull = batch.ready.count == options.largestBatch
            return batch.decoding.isEmpty && (isFull || state.models[batch.model]?.waiting.isEmpty == true)
        }
    }
}

extension Result<Inference, InferenceError> {
    /// The very bits of the logits.
    var bits: [UInt32]? { try? get().logits.map(\.bitPattern) }
    var error: InferenceError? { if case .failure(let error) = self { error } else { nil } }
}
