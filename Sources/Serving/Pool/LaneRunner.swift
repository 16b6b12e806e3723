import Imaging
import SENet
import Threads

/// What the thread of a lane does, whose sessions belong to it.
extension EnginePool {
    private enum Task {
        case open(Model)
        case close(Model)
        case run(FormingBatch, BatchPolicy.Release)
        case end
    }

    func run(_ lane: Lane) {
        var (sessions, workspace): ([Model: Session], Workspace?) = ([:], nil)
        while true {
            switch nextTask(lane) {
            case .open(let model): open(model, lane, &sessions, &workspace)
            case .close(let model):
                sessions[model] = nil
                monitor.withLock { $0.lanes[lane.index].close(model) }
                progress.broadcast()
            case .run(let batch, let release):
                guard let session = sessions[batch.model] else { preconditionFailure("\(batch.model.name) was served without a session") }
                leaveBehind(batch.decoding, lane)
                run(batch, release, lane, session)
            case .end: return
            }
        }
    }

    private func nextTask(_ lane: Lane) -> Task {
        monitor.wait(on: lane.batch) { state, now -> Waiting<Task> in
            if state.isOver { return .done(.end) }
            if let model = state.arrival(lane: lane.index) { return .done(.open(model)) }
            if let model = state.departure(lane: lane.index) { return .done(.close(model)) }
            switch state.takeBatch(lane: lane.index, at: now) {
            case .wait(let instant): return .wait(until: instant)
            case .done(let taken): return .done(.run(taken.batch, taken.release))
            }
        }
    }

    /// Makes a session for a model, in the memory and with the threads that all of the lane's sessions share.
    private func open(_ model: Model, _ lane: Lane, _ sessions: inout [Model: Session], _ workspace: inout Workspace?) {
        do throws(ModelError) {
            let shared = if let workspace { workspace } else { try Workspace(threads: options.threadsPerSession) }
            workspace = shared
            let session = try Session(plan: model.plan, workspace: shared, largestBatch: options.largestBatch)
            // The first run touches the memory; the second one is as the others will be.
            session.run(images: 1)
            let started = ContinuousClock.now
            session.run(images: 1)
            let seconds = (ContinuousClock.now - started).seconds
            sessions[model] = session
            monitor.withLock { state in
                state.models.update(model) { $0.cost.begin(seconds: seconds) }
                state.lanes[lane.index].open(model)
            }
        } catch {
            monitor.withLock { $0.models.update(model) { $0.failure = error } }
        }
        progress.broadcast()
    }

    /// Others take the places of decoders that a batch does not wait for; these go on, but stand back for the team.
    private func leaveBehind(_ stragglers: Set<Int>, _ lane: Lane) {
        for straggler in stragglers {
            // Where there is no thread to be had the straggler keeps its place.
            guard (try? startDecoder(lane)) != nil else { return }
            // Found under the lock: as long as it is listed the number is not given to another thread.
            monitor.withLock { if let thread = $0.lanes[lane.index].thread(decoder: straggler) { WorkerThread.standBack(thread) } }
        }
    }

    private func run(_ batch: FormingBatch, _ release: BatchPolicy.Release, _ lane: Lane, _ session: Session) {
        let (model, started) = (batch.model, ContinuousClock.now)
        var jobs: [PreparedJob] = []
        for job in batch.ready {
            if job.isLate(at: started) { finish(job, .failure(.deadlinePassed)) } else { jobs.append(job) }
        }
        guard !jobs.isEmpty else { return monitor.withLock { finishRun(&$0, lane) } }
        session.fill(images: jobs.count) { index, input in jobs[index].stage.write(to: input, model.preprocessing) }
        let gates = session.run(wantsGates: jobs.map(\.request.wantsGates))
        let inference = ContinuousClock.now - started
        // The decoders go on while the answers are given: the logits stay until this thread fills a session again.
        monitor.withLock { state in
            state.models.update(batch.model) { served in
                served.cost.follow(images: jobs.count, seconds: inference.seconds)
                served.statistics.batches += 1
            }
            finishRun(&state, lane)
        }
        metrics.ran(batch.model, images: jobs.count, release, inference)
        for (index, job) in jobs.enumerated() {
            let decode = job.stage.decode
            let queue = started - job.submitted - (decode ?? .zero)
            metrics.waited(queue, decode: decode)
            let logits = Array(session.logits(index))
            guard job.stage.image != nil || logits.allSatisfy(\.isFinite) else {
                finish(job, .failure(.tensor("its values are so large that the network's logits are no numbers")))
                continue
            }
            finish(
                job,
                .success(
                    Inference(
                        logits: logits, image: job.stage.image, decode: decode ?? .zero, queue: queue, inference: inference,
                        batchSize: jobs.count,
                        times: Inference.Times(submitted: job.submitted, decoded: job.stage.decoded, run: started..<started + inference),
                        gates: gates[index],
                        features: job.request.wantsFeatures ? session.features(index).map { Array($0) } : nil, input: job.stage.png,
                        map: job.request.map.flatMap { session.classMap(index, of: $0.index(logits)) })))
        }
    }

    /// The team has computed: the decoders' turn.
    private func finishRun(_ state: inout PoolState, _ lane: Lane) {
        state.lanes[lane.index].finishRun()
        if state.models.isAnyWaiting { lane.work.broadcast() }
    }
}

extension MappedClass {
    /// - Parameter logits: of a network that has at least one class.
    fileprivate func index(_ logits: [Float]) -> Int {
        switch self {
        case .best: logits.max().flatMap { logits.firstIndex(of: $0) } ?? 0
        case .index(let index): index
        }
    }
}

extension Session {
    /// Runs as many images as `wantsGates` has entries, and gives the gates of those that want them. Where none does it is a plain run.
    fileprivate func run(wantsGates: [Bool]) -> [[GateValues]?] {
        var gates: [[GateValues]?] = wantsGates.map { $0 ? [] : nil }
        guard wantsGates.contains(true) else {
            run(images: wantsGates.count)
            return gates
        }
        run(images: wantsGates.count) { gate, image, values in
            gates[image]?.append(GateValues(name: plan.gates[gate].name, values: Array(values)))
        }
        return gates
    }
}
