import Imaging
import Threads

/// One image of an accepted request, from its acceptance to its answer.
struct Job: Sendable {
    let request: PendingRequest
    /// Among the request's images.
    let index: Int
    let submitted: ContinuousClock.Instant
    /// Nil once it is decoded: its bytes are let go.
    var image: (any EncodedImage)?
    /// What the network sees of it, and how long that took.
    var crop: (image: DecodedImage, duration: Duration)?

    var model: Int { request.model }

    func isLate(at now: ContinuousClock.Instant) -> Bool { request.deadline.map { $0 < now } ?? false }
}

/// An accepted request while its images are on their way.
final class PendingRequest: Sendable {
    typealias Answer = Result<Classification, ClassificationError>

    /// The model's place among the pool's.
    let model: Int
    let top: Int
    let wantsGates: Bool
    let deadline: ContinuousClock.Instant?
    let client: String
    let clientHasLeft: @Sendable () -> Bool
    let answer: @Sendable ([Answer]) -> Void
    private let answers: Mutex<(values: [Answer?], missing: Int)>

    init(_ request: ClassificationRequest, model: Int, answer: @escaping @Sendable ([Answer]) -> Void) {
        self.model = model
        top = request.top
        wantsGates = request.wantsGates
        deadline = request.deadline
        client = request.client
        clientHasLeft = request.clientHasLeft
        self.answer = answer
        answers = Mutex((Array(repeating: nil, count: request.images.count), request.images.count))
    }

    /// Takes the answer for one image; gives all of them, in their order, when it is the last one.
    func take(_ answer: Answer, for index: Int) -> [Answer]? {
        answers.withLock { answers in
            answers.values[index] = answer
            answers.missing -= 1
            return answers.missing == 0 ? answers.values.compactMap { $0 } : nil
        }
    }
}
