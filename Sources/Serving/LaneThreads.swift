import Imaging
import SENet

/// What the decoders of a lane do.
extension EnginePool {
    /// - Throws: `ModelError.engine` if the system refuses a thread.
    func startDecoder(_ lane: Lane) throws(ModelError) {
        let number = monitor.withLock { $0.lanes[lane.index].addDecoder() }
        do throws(ModelError) {
            try WorkerThread("decoder \(lane.index).\(number)") { self.decodeImages(lane, number) }.detach()
        } catch {
            monitor.withLock { $0.lanes[lane.index].decoders[number] = nil }
            throw error
        }
    }

    private func decodeImages(_ lane: Lane, _ number: Int) {
        let thread = WorkerThread.current
        monitor.withLock { $0.lanes[lane.index].decoders[number] = .some(thread) }
        var done = Handover.nothing
        while let job = nextImage(lane, number, done) { done = prepare(job) }
    }

    /// What a decoder brings back.
    private enum Handover {
        case nothing
        /// The image has had its answer.
        case answered
        case decoded(Job)
    }

    /// Hands over what is done and takes the next image, in one step; nil if the thread is to end.
    private func nextImage(_ lane: Lane, _ number: Int, _ done: Handover) -> Job? {
        var done: Handover? = done
        return monitor.wait(on: lane.work) { state -> Job?? in
            if let handover = done {
                done = nil
                if take(handover, &state, lane, number) == .leave { return .some(nil) }
            }
            if state.isOver { return .some(nil) }
            if let job = nextImage(&state, lane, number) { return job }
            if state.lanes[lane.index].gathering?.decoding.isEmpty == true { lane.batch.signal() }
            return nil
        }
    }

    private enum Fate {
        case stay, leave
    }

    private func take(_ handover: Handover, _ state: inout State, _ lane: Lane, _ number: Int) -> Fate {
        if case .nothing = handover { return .stay }
        if state.lanes[lane.index].stragglers.remove(number) != nil {
            if case .decoded(let job) = handover {
                state.queue.prepend(job)
                wakeDecoders(state, model: job.model, images: 1)
            }
            // Another has taken its place, unless there was no thread to be had.
            guard state.lanes[lane.index].decoders.count > options.threadsPerSession else { return .stay }
            state.lanes[lane.index].decoders[number] = nil
            return .leave
        }
        state.lanes[lane.index].gathering?.decoding.remove(number)
        if case .decoded(let job) = handover {
            state.lanes[lane.index].gathering?.decoded.append(job)
            state.lanes[lane.index].gathering?.lastDecoded = .now
            // From here on stragglers are counted out.
            if state.lanes[lane.index].gathering?.decoded.count == 1 { lane.batch.signal() }
        }
        if state.lanes[lane.index].gathering?.count == 0 { state.lanes[lane.index].gathering = nil }
        return .stay
    }

    private func nextImage(_ state: inout State, _ lane: Lane, _ number: Int) -> Job? {
        guard !state.lanes[lane.index].isComputing else { return nil }
        let now = ContinuousClock.now
        let job: Job?
        if let gathering = state.lanes[lane.index].gathering {
            guard gathering.count < options.largestBatch, state.queue.count(model: gathering.model) > 0 else { return nil }
            // Those that it has were promised an answer in time: it does not grow past that.
            if let deadline = gathering.deadline, now + state.admission.run(model: gathering.model, images: gathering.count + 1) > deadline
            {
                state.lanes[lane.index].gathering?.isCut = true
                return nil
            }
            job = state.queue.take(model: gathering.model)
        } else {
            job = state.queue.takeNext()
            if let job { state.lanes[lane.index].gathering = Gathering(model: job.model, began: now) }
        }
        if let job { state.lanes[lane.index].gathering?.take(job, number) }
        return job
    }

    /// Decodes an image, or answers at once where that is of no use or not possible.
    private func prepare(_ job: Job) -> Handover {
        guard let image = job.image else { return .decoded(job) }
        let started = ContinuousClock.now
        func fail(_ error: ClassificationError) -> Handover {
            finish(job, .failure(error))
            return .answered
        }
        if job.isLate(at: started) { return fail(.deadlinePassed) }
        if job.request.clientHasLeft() { return fail(.clientLeft) }
        do throws(ImageError) {
            let crop = try image.withBytes { bytes in
                Result { () throws(ImageError) in
                    try options.decoder.crop(bytes, for: models[job.model].preprocessing, deadline: job.request.deadline)
                }
            }.get()
            metrics.images.add([crop.description.format.rawValue])
            var job = job
            job.image = nil
            job.crop = (crop, .now - started)
            return .decoded(job)
        } catch {
            if case .tooSlow = error, job.isLate(at: .now) { return fail(.deadlinePassed) }
            return fail(.image(error))
        }
    }
}

/// What the thread of a lane does that runs its batches.
extension EnginePool {
    func run(_ lane: Lane) {
        let sessions: [Session]
        do throws(ModelError) {
            sessions = try startSessions()
        } catch {
            monitor.withLock { $0.startFailure = error }
            return progress.broadcast()
        }
        monitor.withLock { $0.startedLanes += 1 }
        progress.broadcast()
        while let (batch, release) = nextBatch(lane) {
            leaveBehind(batch.decoding, lane)
            run(batch, release, lane, sessions[batch.model])
        }
    }

    /// A session for each model, run with one image.
    private func startSessions() throws(ModelError) -> [Session] {
        var sessions: [Session] = []
        for (index, model) in models.enumerated() {
            let session = try Session(plan: model.plan, threads: options.threadsPerSession, largestBatch: options.largestBatch)
            // The first run touches the memory; the second one is as the others will be.
            session.run(images: 1)
            let started = ContinuousClock.now
            session.run(images: 1)
            let seconds = (ContinuousClock.now - started).seconds
            monitor.withLock { $0.admission.begin(model: index, seconds: seconds) }
            sessions.append(session)
        }
        return sessions
    }

    /// The lane's next batch; nil when the pool is over.
    private func nextBatch(_ lane: Lane) -> (Gathering, Gathering.Release)? {
        monitor.wait(on: lane.batch) { state, now -> Step<(Gathering, Gathering.Release)?> in
            if state.isOver { return .done(nil) }
            guard let gathering = state.lanes[lane.index].gathering else { return .wait(until: nil) }
            // Where no decoder is at work, what waits is another model's: it is not kept waiting for this one's images.
            let patience = Gathering.Patience(
                maxDelay: state.isClosed || !state.queue.isEmpty ? .zero : options.maxDelay,
                run: state.admission.run(model: gathering.model, images: gathering.count),
                stragglerWait: max(options.stragglerWait, .seconds(4 * state.usualDecode)),
                stragglers: options.threadsPerSession - state.lanes[lane.index].stragglers.count)
            switch gathering.release(at: now, largestBatch: options.largestBatch, patience: patience) {
            case .wait(let instant): return .wait(until: instant)
            case .done(let release):
                let seconds = state.admission.costs[gathering.model].each * Double(gathering.decoded.count)
                state.lanes[lane.index].gathering = nil
                state.lanes[lane.index].isComputing = true
                state.lanes[lane.index].expectedEnd = now + .seconds(seconds)
                state.lanes[lane.index].stragglers.formUnion(gathering.decoding)
                return .done((gathering, release))
            }
        }
    }

    /// Others take the places of decoders that a batch does not wait for; these go on, but stand back for the team.
    private func leaveBehind(_ stragglers: Set<Int>, _ lane: Lane) {
        for straggler in stragglers {
            // Where there is no thread to be had the straggler keeps its place.
            guard (try? startDecoder(lane)) != nil else { return }
            // Found under the lock: as long as it is listed the number is not given to another thread.
            monitor.withLock { if let thread = $0.lanes[lane.index].decoders[straggler] ?? nil { WorkerThread.standBack(thread) } }
        }
    }

    private func run(_ gathering: Gathering, _ release: Gathering.Release, _ lane: Lane, _ session: Session) {
        let (model, started) = (models[gathering.model], ContinuousClock.now)
        var batch: [(job: Job, crop: DecodedImage, decode: Duration)] = []
        for job in gathering.decoded {
            if job.isLate(at: started) {
                finish(job, .failure(.deadlinePassed))
            } else if let (crop, decode) = job.crop {
                batch.append((job, crop, decode))
            }
        }
        guard !batch.isEmpty else { return freed(lane, gathering, decode: [], nil) }
        session.fill(images: batch.count) { index, input in model.preprocessing.normalize(batch[index].crop.image, into: input) }
        let gates = session.run(wantsGates: batch.map(\.job.request.wantsGates))
        let inference = ContinuousClock.now - started
        // The decoders go on while the answers are given: the logits stay until this thread fills the session again.
        freed(lane, gathering, decode: batch.map(\.decode), inference)
        metrics.batches.add([release.rawValue])
        metrics.batchSize.observe([model.name], Double(batch.count))
        metrics.inference.observe([model.name], inference.seconds)
        for (index, (job, crop, decode)) in batch.enumerated() {
            let queue = started - job.submitted - decode
            metrics.decode.observe([], decode.seconds)
            metrics.queue.observe([], queue.seconds)
            let predictions = Prediction.best(
                job.request.top, of: session.logits(index), labels: model.labels, activation: model.source.configuration.outputActivation)
            finish(
                job,
                .success(
                    Classification(
                        predictions: predictions, image: crop.description, decode: decode, queue: queue, inference: inference,
                        batchSize: batch.count, gates: gates[index])))
        }
    }

    /// The team has computed: the decoders' turn.
    private func freed(_ lane: Lane, _ gathering: Gathering, decode: [Duration], _ inference: Duration?) {
        monitor.withLock { state in
            state.lanes[lane.index].isComputing = false
            state.lanes[lane.index].expectedEnd = nil
            if let inference {
                let gathered = gathering.lastDecoded - gathering.began
                state.admission.measured(model: gathering.model, images: decode.count, seconds: (gathered + inference).seconds)
                for duration in decode { state.decoded(seconds: duration.seconds) }
            }
            if !state.queue.isEmpty { lane.work.broadcast() }
        }
    }
}
