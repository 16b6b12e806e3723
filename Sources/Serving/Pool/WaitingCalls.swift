import Threads

/// Calls that wait for answers, for programs that have nothing else to do.
extension EnginePool {
    /// Runs one input and waits for the answer.
    ///
    /// - Precondition: the request has one input.
    public func infer(_ request: InferenceRequest) -> Result<Inference, InferenceError> {
        precondition(request.inputs.count == 1, "one input, not \(request.inputs.count)")
        let (answer, isHere) = (Monitor<Result<Inference, InferenceError>?>(nil), Condition())
        submit(request) { results in
            answer.withLock { $0 = results.first }
            isHere.signal()
        }
        return answer.wait(on: isHere) { $0 }
    }

    /// Runs one input after another, with as many on their way as keep the engine in full batches and no more than may wait, and hands the
    /// answers over in the inputs' order. Both closures are called on the caller's thread.
    ///
    /// - Parameters:
    ///   - next: a request with the next input; nil when there are no more.
    ///   - answer: takes the input's number, from 0, and its answer.
    public func infer(
        all next: () throws -> InferenceRequest?, answer: (Int, Result<Inference, InferenceError>) throws -> Void
    ) rethrows {
        let fullBatches = options.sessions * options.largestBatch
        let window = max(1, min(options.queue ?? fullBatches, 2 * fullBatches))
        let (answers, arrival) = (Monitor<[Int: Result<Inference, InferenceError>]>([:]), Condition())
        var (submitted, answered, isAtEnd) = (0, 0, false)
        while true {
            while !isAtEnd, submitted - answered < window {
                guard let request = try next() else {
                    isAtEnd = true
                    break
                }
                let index = submitted
                submitted += 1
                submit(request) { results in
                    answers.withLock { $0[index] = results.first }
                    arrival.signal()
                }
            }
            guard answered < submitted else { return }
            let result = answers.wait(on: arrival) { $0.removeValue(forKey: answered) }
            try answer(answered, result)
            answered += 1
        }
    }
}
