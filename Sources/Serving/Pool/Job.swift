import Imaging
import SENet
import Threads

/// One input of an accepted request, from its acceptance to its answer. Whoever holds it owes the answer.
///
/// What has been done with it is its type: a `WaitingJob` becomes a `PreparedJob`, and only such are in a batch.
struct Job<Stage: Sendable>: Sendable {
    let request: PendingRequest
    /// Among the request's inputs.
    let index: Int
    let submitted: ContinuousClock.Instant
    let stage: Stage

    /// The same job one stage on: what the stage before held is let go.
    func with<Next>(_ stage: Next) -> Job<Next> { Job<Next>(request: request, index: index, submitted: submitted, stage: stage) }

    func isLate(at now: ContinuousClock.Instant) -> Bool { request.deadline.map { $0 < now } ?? false }
}

/// Waits for a decoder.
typealias WaitingJob = Job<WaitingInput>
/// Waits for a session, or is run.
typealias PreparedJob = Job<PreparedInput>

enum WaitingInput: Sendable {
    /// With what decoding it will take, where that is known.
    case sent(InferenceRequest.Input, DecodeCost? = nil)
    /// Prepared when its batch had gone without it.
    case prepared(PreparedInput)
}

extension Job<WaitingInput> {
    /// What decoding it will take; nil where there is nothing to decode, and where it cannot be.
    var decoding: DecodeCost? { if case .sent(_, let cost) = stage { cost } else { nil } }
}

/// What a decoder has made of an input.
enum Preparation: Sendable {
    case prepared(PreparedJob)
    /// It has had its answer.
    case answered
}

/// What goes into a session.
enum PreparedInput: Sendable {
    /// What the network sees of an image, when it was to decode, resize and crop it, and the crop as a file where that is asked for.
    case crop(DecodedImage, decode: Range<ContinuousClock.Instant>, png: [UInt8]?)
    case tensor(any EncodedTensor)

    var image: ImageDescription? { if case .crop(let crop, _, _) = self { crop.description } else { nil } }
    var decoded: Range<ContinuousClock.Instant>? { if case .crop(_, let decode, _) = self { decode } else { nil } }
    var decode: Duration? { decoded.map { $0.upperBound - $0.lowerBound } }
    var png: [UInt8]? { if case .crop(_, _, let png) = self { png } else { nil } }

    /// - Parameter input: (3, height, width), row-major.
    func write(to input: UnsafeMutableBufferPointer<Float>, _ preprocessing: Preprocessing) {
        switch self {
        case .crop(let crop, _, _): preprocessing.normalize(crop.image, into: input)
        case .tensor(let values): values.withBytes { UnsafeMutableRawBufferPointer(input).copyMemory(from: $0) }
        }
    }
}

/// An accepted request while its inputs are on their way.
final class PendingRequest: Sendable {
    typealias Answer = Result<Inference, InferenceError>

    let model: Model
    let wantsGates: Bool
    let wantsFeatures: Bool
    let wantsInput: Bool
    let map: MappedClass?
    let priority: Priority
    let deadline: ContinuousClock.Instant?
    let client: String
    /// What it asks of ordinary decoders, as estimated.
    let ordinaryDecode: Duration
    let clientHasLeft: @Sendable () -> Bool
    let answer: @Sendable ([Answer]) -> Void
    private let answers: Mutex<(values: [Answer?], missing: Int)>

    init(_ request: InferenceRequest, ordinaryDecode: Duration = .zero, answer: @escaping @Sendable ([Answer]) -> Void) {
        model = request.model
        wantsGates = request.wantsGates
        wantsFeatures = request.wantsFeatures
        wantsInput = request.wantsInput
        map = request.map
        priority = request.priority
        deadline = request.deadline
        client = request.client
        self.ordinaryDecode = ordinaryDecode
        clientHasLeft = request.clientHasLeft
        self.answer = answer
        answers = Mutex((Array(repeating: nil, count: request.inputs.count), request.inputs.count))
    }

    /// Takes the answer for one input; gives all of them, in their order, when it is the last one.
    func take(_ answer: Answer, for index: Int) -> [Answer]? {
        answers.withLock { answers in
            answers.values[index] = answer
            answers.missing -= 1
            return answers.missing == 0 ? answers.values.compactMap { $0 } : nil
        }
    }
}
