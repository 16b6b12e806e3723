import SENet
import Threads

/// Models come and go while requests run.
extension EnginePool {
    /// The models that requests are accepted for, in the order in which they came.
    public var models: [Model] { monitor.withLock { $0.models.all.filter { $0.phase == .serving }.map(\.model) } }

    /// Serves a model: each lane makes a session for it between two batches, and runs it, so that the first request finds memory and caches
    /// warm. Waits for that.
    ///
    /// - Throws: `ModelError.engine` if memory or threads cannot be had, the pool is closed or the model is removed meanwhile: it is then not
    ///   served.
    /// - Precondition: the model is not one of the pool's.
    public func add(_ model: Model) throws(ModelError) {
        let isClosed = monitor.withLock { state in
            precondition(state.models[model] == nil, "\(model.name) is served already")
            if !state.isClosed { state.models.add(model) }
            return state.isClosed
        }
        let tooLate = ModelError.engine("\(model.name) is not served: the pool is closed, or the model was removed")
        guard !isClosed else { throw tooLate }
        for lane in lanes { lane.batch.signal() }
        let failure = monitor.wait(on: progress) { state -> ModelError?? in
            guard !state.isOver, let served = state.models[model], served.phase == .arriving else { return tooLate }
            if let failure = served.failure { return failure }
            guard state.lanes.allSatisfy({ $0.sessions.contains(model) }) else { return nil }
            state.models.update(model) { $0.phase = .serving }
            return .some(nil)
        }
        guard let failure else { return }
        remove(model)
        throw failure
    }

    /// Refuses new requests for a model, waits until the accepted ones are answered, and lets its sessions go. Does nothing for a model that
    /// is not one of the pool's.
    ///
    /// Not to be called where an answer is given: it would wait for itself.
    public func remove(_ model: Model) {
        monitor.withLock { $0.models.update(model) { $0.phase = .leaving } }
        // A batch that waits to become fuller need not any more.
        for lane in lanes { lane.batch.signal() }
        // Who is adding it need not wait any more.
        progress.broadcast()
        monitor.wait(on: progress) { state -> Void? in
            // Gone already, or here anew.
            guard let served = state.models[model], served.phase == .leaving else { return () }
            guard served.isQuiet else { return nil }
            state.models.remove(model)
            return ()
        }
        for lane in lanes { lane.batch.signal() }
        monitor.wait(on: progress) { state -> Void? in
            state.isOver || state.models[model] != nil || state.lanes.allSatisfy { !$0.sessions.contains(model) } ? () : nil
        }
    }
}

extension PoolState {
    /// A model that a lane has no session for yet.
    func arrival(lane: Int) -> Model? {
        models.all.first { $0.phase == .arriving && $0.failure == nil && !lanes[lane].sessions.contains($0.model) }?.model
    }

    /// A model that has gone, and that a lane still has a session for.
    func departure(lane: Int) -> Model? { lanes[lane].sessions.first { models[$0] == nil } }
}
