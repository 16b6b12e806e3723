import Imaging
import Threads

/// What the decoders of a lane do.
extension EnginePool {
    /// - Throws: `ThreadError` if the system refuses a thread.
    func startDecoder(_ lane: Lane) throws(ThreadError) {
        let number = monitor.withLock { $0.lanes[lane.index].addDecoder() }
        do throws(ThreadError) {
            try WorkerThread("decoder \(lane.index).\(number)", isPatient: true) { self.prepareInputs(lane, number) }.detach()
        } catch {
            monitor.withLock { $0.lanes[lane.index].removeDecoder(number) }
            throw error
        }
    }

    private func prepareInputs(_ lane: Lane, _ number: Int) {
        let thread = WorkerThread.current
        monitor.withLock { $0.lanes[lane.index].name(thread, decoder: number) }
        var done: Preparation?
        while let job = nextJob(lane, number, &done) { done = preparation(of: job) }
    }

    /// Gives back what is done and takes the next input, in one step; nil if the thread is to end.
    private func nextJob(_ lane: Lane, _ number: Int, _ done: inout Preparation?) -> WaitingJob? {
        monitor.wait(on: lane.work) { state -> WaitingJob?? in
            if let preparation = done.take() {
                giveBack(preparation, &state, lane, number)
                // It was left behind, and another has taken its place.
                if state.lanes[lane.index].activeDecoders > options.threadsPerSession {
                    state.lanes[lane.index].removeDecoder(number)
                    return .some(nil)
                }
            }
            if state.isOver { return .some(nil) }
            if let job = state.nextJob(lane: lane.index, decoder: number, at: .now) { return job }
            if state.lanes[lane.index].forming?.decoding.isEmpty == true { lane.batch.signal() }
            return nil
        }
    }

    private func giveBack(_ preparation: Preparation, _ state: inout PoolState, _ lane: Lane, _ number: Int) {
        if case .prepared(let job) = preparation, let taken = job.stage.decode,
            let estimated = state.lanes[lane.index].work(decoder: number)?.duration
        {
            state.followDecoding(taken, estimated: estimated, for: job.request.model)
        }
        switch state.lanes[lane.index].giveBack(preparation, decoder: number, at: .now) {
        case .joined(let isFirst):
            // From here on stragglers are counted out.
            if isFirst { lane.batch.signal() }
        case .missed(let job):
            state.models.prepend(job.with(.prepared(job.stage)))
            wakeDecoders(state, model: job.request.model, inputs: 1)
        case .answered: break
        }
    }

    /// Prepares an input, or answers at once where that is of no use or not possible.
    private func preparation(of job: WaitingJob) -> Preparation {
        do throws(InferenceError) {
            return .prepared(job.with(try prepare(job)))
        } catch {
            finish(job, .failure(error))
            return .answered
        }
    }

    /// Makes of an input what the network takes.
    func prepare(_ job: WaitingJob) throws(InferenceError) -> PreparedInput {
        switch job.stage {
        case .sent(let input, let cost): return try prepare(input, cost, job)
        case .prepared(let input): return input
        }
    }

    private func prepare(_ input: InferenceRequest.Input, _ cost: DecodeCost?, _ job: WaitingJob) throws(InferenceError) -> PreparedInput {
        let (started, model) = (ContinuousClock.now, job.request.model)
        if job.isLate(at: started) { throw .deadlinePassed }
        if job.request.clientHasLeft() { throw .clientLeft }
        if let cost, cost.memory > options.heavyMemory { throw .decodeMemoryTooLarge(cost.memory, limit: options.heavyMemory) }
        switch input {
        case .tensor(let values):
            if let problem = model.problem(tensor: values) { throw .tensor(problem) }
            return .tensor(values)
        case .image(let image):
            do throws(ImageError) {
                let crop = try image.withBytes { bytes in
                    Result { () throws(ImageError) in
                        try options.decoder.crop(
                            bytes, for: model.preprocessing, deadline: job.request.deadline, isAbandoned: job.request.clientHasLeft)
                    }
                }.get()
                metrics.images.add([crop.description.format.rawValue])
                return .crop(crop, decode: started..<ContinuousClock.now, png: job.request.wantsInput ? crop.image.png : nil)
            } catch {
                if case .tooSlow = error {
                    if job.isLate(at: .now) { throw .deadlinePassed }
                    if job.request.clientHasLeft() { throw .clientLeft }
                }
                throw .image(error)
            }
        }
    }
}

extension Model {
    /// Why a tensor is no input for the network; nil if it is one.
    func problem(tensor: any EncodedTensor) -> String? {
        let shape = plan.inputShape
        guard tensor.withBytes({ $0.count }) == shape.count * MemoryLayout<Float>.size else {
            return "it has \(tensor.valueCount) values, and the network takes \(shape.count), as \(shape)"
        }
        guard tensor.withBytes({ isFinite($0) }) else { return "not all of its values are finite numbers" }
        return nil
    }
}

/// Whether no float32 among the bytes is infinite or no number. Looks at all of them, so that the loop is one of vectors.
private func isFinite(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let start = bytes.baseAddress else { return true }
    let exponent: UInt32 = 0x7F80_0000
    var others: UInt32 = 0
    for offset in stride(from: 0, to: bytes.count, by: MemoryLayout<Float>.size) {
        let bits = start.loadUnaligned(fromByteOffset: offset, as: UInt32.self) & exponent
        others |= bits == exponent ? 1 : 0
    }
    return others == 0
}
