import SENet

/// Loading beside what is served, taking its place, and making room.
extension ModelKeeper {
    /// Loads a model beside the one that is served, tests it, and has it take its place.
    ///
    /// - Returns: what is wrong with it: nothing has changed then.
    @discardableResult
    func load(_ found: ModelRepository.Found) -> Problem? {
        store.monitor.withLock { $0.update(found.id) { $0.isLoading = true } }
        let (started, problem): (_, Problem?) = (ContinuousClock.now, tryLoading(found))
        if let problem {
            // A pool that is closed loads nothing, and nobody asks why.
            guard !store.monitor.withLock(\.isClosed) else { return problem }
            store.metrics.failures.add()
            let isServed = store.monitor.withLock { state in
                state.update(found.id) { entry in
                    (entry.isLoading, entry.failure, entry.fingerprint) = (false, problem.text, found.fingerprint)
                    entry.isKnown = entry.model != nil
                }
                return state.index(of: found.id).map { state.entries[$0].model != nil } ?? false
            }
            store.report(.failed(found.id, problem.text, isServed: isServed))
        } else {
            store.metrics.loads.add()
            let (model, sharer) = store.monitor.withLock { state -> (Model?, ModelID?) in
                let model = state.index(of: found.id).flatMap { state.entries[$0].model }
                return (model, state.entries.first { $0.model != nil && $0.id != found.id && $0.model?.plan === model?.plan }?.id)
            }
            if let model { store.report(.loaded(model, ContinuousClock.now - started, sharesWeightsWith: sharer)) }
        }
        return problem
    }

    private func tryLoading(_ found: ModelRepository.Found) -> Problem? {
        let models = store.monitor.withLock { $0.entries.compactMap(\.model) }
        do throws(ModelError) {
            let model = try Model(
                options.source(found.folder), name: found.id.name, version: found.id.version, precision: options.precision,
                threads: pool.options.threads, sharing: models)
            guard ModelRepository.Fingerprint(folder: found.folder) == found.fingerprint else {
                throw .file("\(found.folder): its files changed while they were read; write them beside, and rename the folder then")
            }
            try makeRoom(for: model)
            try pool.add(model)
            let answer: String?
            do throws(ModelError) { answer = try pool.selfTest(model) } catch {
                pool.remove(model)
                throw error
            }
            if let answer {
                pool.remove(model)
                return .answer(answer)
            }
            let old = store.monitor.withLock { state -> Model? in
                guard let index = state.index(of: found.id) else { return nil }
                let old = state.entries[index].model
                state.entries[index].model = model
                state.entries[index].facts = ModelFacts(model)
                state.entries[index].fingerprint = found.fingerprint
                (state.entries[index].failure, state.entries[index].isLoading, state.entries[index].isKnown) = (nil, false, true)
                return old
            }
            if let old { retire(old) }
            return nil
        } catch {
            return .error(error)
        }
    }

    /// Lets a model go that requests come to no more, when those that held it have been answered.
    func retire(_ model: Model) {
        store.monitor.wait(on: store.released) { state in state.isLeased(model) ? nil : () }
        pool.remove(model)
    }

    // MARK: Memory

    /// Lets models go that were asked longest ago, until there is room for one more.
    ///
    /// - Throws: `ModelError.engine` for a model that would not have room alone.
    private func makeRoom(for model: Model) throws(ModelError) {
        guard let memory = options.memory else { return }
        let bytes = model.plan.weightBytes
        guard bytes <= memory else {
            throw .engine("its weights take \(bytes) bytes of memory, and \(memory) are all that may be loaded; raise --model-memory")
        }
        while true {
            let victim = store.monitor.withLock { state -> (id: ModelID, model: Model)? in
                let isShared = state.entries.contains { $0.id != model.id && $0.model?.plan === model.plan }
                guard state.weightBytes(without: model.id) + (isShared ? 0 : bytes) > memory,
                    let id = state.leastRecentlyUsed(besides: model.id), let index = state.index(of: id)
                else { return nil }
                defer { state.entries[index].model = nil }
                return state.entries[index].model.map { (id, $0) }
            }
            guard let victim else { return }
            retire(victim.model)
            store.metrics.evictions.add()
            store.report(.unloaded(victim.id, .memory))
        }
    }

    /// Loads what a request needs, and hands it to all that wait for it.
    func need(_ id: ModelID) {
        let (entry, isWanted) = store.monitor.withLock { state -> (StoreState.Entry?, Bool) in
            let entry = state.index(of: id).map { state.entries[$0] }
            return (entry, entry.map { $0.model == nil && $0.isOffered } ?? false)
        }
        if let entry, isWanted { load(ModelRepository.Found(id, folder: entry.folder)) }
        handOut(id)
    }

    /// To each request that waits for a model.
    private func handOut(_ id: ModelID) {
        let taken = store.monitor.withLock { $0.takeWaiters(of: id, or: .unknownModel(id.name, served: $0.names)) }
        guard !taken.isEmpty else { return }
        store.waiting.signal()
        for (waiter, found) in taken { store.hand(found, to: waiter.body) }
    }

    // MARK: Operators

    func load(_ name: String) -> String? {
        let found: [[ModelRepository.Found]]
        do throws(ModelError) { found = try repository.scan() } catch { return "\(error)" }
        guard let versions = found.first(where: { $0.first?.id.name == name }) else {
            return "there is no model '\(name)' in the server's folders"
        }
        enter(found)
        store.monitor.withLock { state in
            for found in versions {
                state.update(found.id) { entry in
                    entry.isHeld = false
                    // Tried now, though its files may be those that were loaded before.
                    if entry.model == nil { entry.fingerprint = nil }
                }
            }
        }
        return keep(versions)?.text
    }

    func unload(_ name: String) -> String? {
        let (isThere, loaded) = store.monitor.withLock { state -> (Bool, [Model]) in
            let indices = state.entries.indices.filter { state.entries[$0].id.name == name }
            let loaded = indices.compactMap { state.entries[$0].model }
            for index in indices { (state.entries[index].model, state.entries[index].isHeld) = (nil, true) }
            return (!indices.isEmpty, loaded)
        }
        for model in loaded {
            retire(model)
            store.report(.unloaded(model.id, .operatorAsked))
        }
        return isThere ? nil : "there is no model '\(name)'"
    }
}
