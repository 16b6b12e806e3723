import Imaging
import SENet

/// The answer for one input.
public struct Inference: Sendable {
    /// One a class, as the network gives them.
    public var logits: [Float]
    /// Nil for a tensor.
    public var image: ImageDescription?
    /// From the start of decoding to the finished crop; zero for a tensor.
    public var decode: Duration
    /// Waiting: for a decoder and for a session.
    public var queue: Duration
    /// The batch's run.
    public var inference: Duration
    public var batchSize: Int
    /// When the stages were; nil for what was computed for an earlier request.
    public var times: Times?
    /// Where they were asked for, in the network's order.
    public var gates: [GateValues]?
    /// Where they were asked for: what the classifier reads, `plan.featureCount` numbers.
    public var features: [Float]?
    /// Where it was asked for: the 8-bit crop that the network saw, as a PNG file. Nil for a tensor.
    public var input: [UInt8]?
    /// Where it was asked for: where the class is seen.
    public var map: ClassMap?
    /// Whether it was computed for an earlier request: then nothing of it took time.
    public var isCached = false

    public struct Times: Sendable {
        public var submitted: ContinuousClock.Instant
        /// Nil for a tensor.
        public var decoded: Range<ContinuousClock.Instant>?
        /// The batch's.
        public var run: Range<ContinuousClock.Instant>
    }

    /// The `count` most probable classes, best first: fewer where there are fewer classes.
    ///
    /// - Parameter model: the one that was asked.
    public func predictions(_ count: Int, of model: Model) -> [Prediction] {
        Prediction.best(count, of: logits, labels: model.labels, activation: model.source.configuration.outputActivation)
    }

    /// The features, where they were asked for; divided by their Euclidean norm where that is wanted, unless it is 0.
    public func embedding(isNormalized: Bool) -> [Float]? {
        guard isNormalized, let features else { return features }
        let norm = features.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        return norm > 0 ? features.map { Float(Double($0) / norm) } : features
    }

    /// Of every class, in the classes' order: what `predictions` gives as scores.
    public func scores(of model: Model) -> [Float] {
        Prediction.scores(of: logits, activation: model.source.configuration.outputActivation)
    }
}

/// Why there is no answer.
public enum InferenceError: Error, Sendable, Equatable {
    /// The image's fault.
    case image(ImageError)
    /// The tensor's fault: what is wrong with it.
    case tensor(String)
    /// Refused at once: as many inputs wait as may. The duration is how long they will take.
    case overloaded(retryAfter: Duration)
    /// Refused at once: the answer would come after the deadline. The duration is how long the deadline would have to be in the future.
    case deadlineTooSoon(retryAfter: Duration)
    /// Refused at once: this client has as many requests in flight as it may.
    case tooManyFromClient(retryAfter: Duration)
    /// Refused at once: decoding this client's heavy images takes as long as it may, with those that it has in hand.
    case tooMuchDecodingForClient(retryAfter: Duration)
    /// Refused at once: decoding the request's images would take longer, as estimated, than one request may ask for.
    case decodeTimeTooLong(Duration, limit: Duration)
    /// Decoding the image would take more bytes, as estimated, than there are for it.
    case decodeMemoryTooLarge(Int, limit: Int)
    /// Accepted, but the deadline passed before it was run.
    case deadlinePassed
    /// Accepted, but the client left before it was run.
    case clientLeft
    /// Refused at once: the pool does not serve the model, not yet or no more, or takes no more requests.
    case unavailable

    /// Whether it concerns the request as a whole, and not one input alone.
    public var isOfRequest: Bool {
        switch self {
        case .image, .tensor, .decodeMemoryTooLarge: false
        case .overloaded, .deadlineTooSoon, .tooManyFromClient, .tooMuchDecodingForClient, .decodeTimeTooLong, .deadlinePassed, .clientLeft,
            .unavailable:
            true
        }
    }
}
