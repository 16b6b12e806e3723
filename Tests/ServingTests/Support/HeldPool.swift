import Serving
import Testing

/// A pool of one session and one decoder, whose session a test holds up, so that it decides what waits when the session is free.
///
/// An answer is given on the session's thread: an answer that waits holds the session up.
final class HeldPool {
    let pool: EnginePool
    let metrics = Metrics()
    let answers = Answers()
    private let release = Gate()
    private var submitted = 0

    init(_ models: [Model], largestBatch: Int = 16) throws {
        var options = EnginePool.Options(threads: 1)
        options.largestBatch = largestBatch
        pool = try EnginePool(models: models, options: options, metrics: metrics)
        let held = Gate()
        pool.submit(ClassificationRequest(image: try TestImages.jpeg("one_pixel"), model: models[0])) { [release] _ in
            held.open()
            release.pass()
        }
        held.pass()
    }

    deinit {
        release.open()
        pool.close()
    }

    func submit(_ request: ClassificationRequest) {
        let index = submitted
        submitted += 1
        pool.submit(request) { [answers] answer in answers.add(index, answer) }
    }

    /// Waits until everything submitted has been decoded: the decoder takes one image after the other.
    func decodeAll() throws {
        let decoded = Gate()
        pool.submit(ClassificationRequest(image: [UInt8](), model: pool.models[0])) { _ in decoded.open() }
        decoded.pass()
    }

    /// Lets the session go on, and waits for all answers.
    func finish() -> [Answers.Answer] {
        release.open()
        return answers.sorted(submitted)
    }
}

extension Result<Classification, ClassificationError> {
    /// Class, and the very bits of its score, best first.
    var scores: [[UInt32]]? { try? get().predictions.map { [UInt32($0.index), $0.score.bitPattern] } }
    var error: ClassificationError? { if case .failure(let error) = self { error } else { nil } }
}
