import SENet

/// What lies on disk, and what is made of it.
extension ModelKeeper {
    /// - Parameter isPatient: whether what is new or different is left alone until it looks the same twice, and what seems to be in parts only for
    ///   as long as `patience` says; and what could not be loaded before is left until it is different.
    func scan(isPatient: Bool) {
        let found: [[ModelRepository.Found]]
        do throws(ModelError) {
            found = try repository.scan()
            isUnreadable = false
        } catch {
            // Nothing is let go for a disk that is away.
            if !isUnreadable || !isPatient { store.report(.unreadable("\(error)")) }
            isUnreadable = true
            return
        }
        let there = Set(found.joined().map(\.id))
        sightings = sightings.filter { there.contains($0.key) || $0.value.fingerprint == nil }
        enter(found)
        for versions in found { _ = keep(versions, isPatient: isPatient) }
        let gone = store.monitor.withLock { $0.entries.map(\.id).filter { !there.contains($0) } }
        for id in gone where !isPatient || sight(id, nil, times: 2) { remove(id, .gone) }
    }

    /// Whether a folder has looked the same so often in a row.
    private func sight(_ id: ModelID, _ fingerprint: ModelRepository.Fingerprint?, times: Int) -> Bool {
        if let last = sightings[id], last.fingerprint == fingerprint {
            sightings[id]?.count += 1
        } else {
            sightings[id] = Sighting(fingerprint: fingerprint)
        }
        return sightings[id].map { $0.count >= times } ?? false
    }

    /// Scans after which what seems to be in parts only is tried all the same, to say what is wrong with it.
    private static let patience = 30

    /// Lists what is new, in the folders' order: of each name the newest version first. Nothing of it is served yet.
    func enter(_ found: [[ModelRepository.Found]]) {
        store.monitor.withLock { state in
            let old = Dictionary(state.entries.map { ($0.id, $0) }) { first, _ in first }
            let listed = found.flatMap { versions in
                versions.enumerated().filter { $0.offset < repository.versions || old[$0.element.id] != nil }.map(\.element)
            }
            let there = listed.map { place in
                var entry = old[place.id] ?? StoreState.Entry(place.id, folder: place.folder)
                entry.folder = place.folder
                return entry
            }
            let ids = Set(there.map(\.id))
            state.entries = there + state.entries.filter { !ids.contains($0.id) }
        }
    }

    /// The entry of a version; of one that was not listed because newer ones were to be served, a new one behind theirs.
    private func entry(of found: ModelRepository.Found) -> StoreState.Entry {
        store.monitor.withLock { state in
            if let index = state.index(of: found.id) { return state.entries[index] }
            let entry = StoreState.Entry(found.id, folder: found.folder)
            let place = state.entries.lastIndex { $0.id.name == found.id.name }.map { $0 + 1 } ?? state.entries.endIndex
            state.entries.insert(entry, at: place)
            return entry
        }
    }

    /// Has the newest versions of a model served: those that can be loaded. An older one goes only when a newer one has taken its place.
    ///
    /// - Returns: what is wrong with the first that could not be loaded now.
    func keep(_ versions: [ModelRepository.Found], isPatient: Bool = false) -> Problem? {
        var (kept, wrong): (Int, Problem?) = (0, nil)
        for found in versions {
            guard kept < repository.versions else {
                remove(found.id, .replaced)
                continue
            }
            let entry = entry(of: found)
            if entry.isHeld {
                kept += 1
                continue
            }
            if let problem = update(entry, found, isPatient: isPatient) { wrong = wrong ?? problem }
            let isKept = store.monitor.withLock { state in state.index(of: found.id).map { state.entries[$0].isOffered } ?? false }
            if isKept { kept += 1 }
        }
        return wrong
    }

    private func update(_ entry: StoreState.Entry, _ found: ModelRepository.Found, isPatient: Bool) -> Problem? {
        if entry.fingerprint == found.fingerprint {
            // As it was when it was last tried.
            if entry.failure == nil && entry.isOffered { return nil }
            if isPatient && entry.failure != nil { return nil }
        } else if isPatient, !sight(found.id, found.fingerprint, times: found.isWhole ? 2 : Self.patience) {
            return nil
        }
        sightings[found.id] = nil
        // What there is no room for waits until a request needs it.
        if entry.model == nil, let memory = options.memory {
            let size = entry.facts?.weightBytes ?? found.weightFileBytes
            let used = store.monitor.withLock { $0.weightBytes() }
            if used > 0, used + size > memory {
                store.monitor.withLock { state in
                    state.update(found.id) { entry in
                        (entry.isKnown, entry.failure, entry.fingerprint) = (true, nil, found.fingerprint)
                    }
                }
                return nil
            }
        }
        return load(found)
    }

    private func remove(_ id: ModelID, _ reason: ModelEvent.Reason) {
        sightings[id] = nil
        let model = store.monitor.withLock { state -> Model? in
            guard let index = state.index(of: id) else { return nil }
            return state.entries.remove(at: index).model
        }
        if let model {
            retire(model)
            store.report(.unloaded(id, reason))
        }
        pool.forgetMetrics(of: id)
    }
}
