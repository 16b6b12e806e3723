/// How often something was done, and how long it took altogether.
public struct Tally: Sendable {
    public var count = 0
    public var total = Duration.zero

    public init() {}

    mutating func add(_ duration: Duration) {
        count += 1
        total += duration
    }
}

/// What has become of a model's inputs since it is served.
public struct ModelStatistics: Sendable {
    /// From acceptance to answer.
    public var succeeded = Tally()
    /// The same, of inputs that got an error.
    public var failed = Tally()
    public var queue = Tally()
    public var decode = Tally()
    /// Of the batch that an input was in.
    public var inference = Tally()
    public var batches = 0

    mutating func add(_ result: Result<Inference, InferenceError>, after duration: Duration) {
        switch result {
        case .success(let answer):
            succeeded.add(duration)
            queue.add(answer.queue)
            decode.add(answer.decode)
            inference.add(answer.inference)
        case .failure: failed.add(duration)
        }
    }
}
