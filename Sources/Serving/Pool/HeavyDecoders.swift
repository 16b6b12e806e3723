import Threads

/// What the decoders of heavy images do: they hand them on, decoded, to the lanes.
extension EnginePool {
    func prepareHeavyImages() {
        // The lanes' threads go first.
        if let thread = WorkerThread.current { WorkerThread.standBack(thread) }
        while let job = nextHeavyJob() {
            metrics.heavyImages.add()
            let result = Result { () throws(InferenceError) in try prepare(job) }
            monitor.withLock { state in
                state.heavy.finish(job)
                if case .success(let input) = result {
                    state.models.prepend(job.with(.prepared(input)))
                    wakeDecoders(state, model: job.request.model, inputs: 1)
                }
            }
            // There is room in memory.
            heavyWork.broadcast()
            if case .failure(let error) = result { finish(job, .failure(error)) }
        }
    }

    /// Nil if the thread is to end.
    private func nextHeavyJob() -> WaitingJob? {
        monitor.wait(on: heavyWork) { state -> WaitingJob?? in
            if let job = state.heavy.take() { return job }
            return state.isOver ? .some(nil) : nil
        }
    }
}
