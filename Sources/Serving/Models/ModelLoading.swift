import SENet
import Threads

/// What the store's thread does: one thing after the other, so that no two changes meet.
extension ModelStore {
    /// Loads the models and begins to follow their folders.
    ///
    /// - Throws: `ModelError` where a model that has a folder of its own cannot be loaded, or the folder of models not be read.
    /// - Returns: what is wrong with such a model's answer to its self-test; nil if nothing is.
    public func start() throws(ModelError) -> String? {
        var repository = options.repository
        try repository.resolveNames()
        let standard = repository.named.first?.name
        monitor.withLock { [named = Set(repository.named.compactMap(\.name))] state in (state.standard, state.named) = (standard, named) }
        let keeper = ModelKeeper(self, repository)
        let found = try repository.scan()
        keeper.enter(found)
        var wrong: String?
        for versions in found {
            let problem = keeper.keep(versions)
            guard let problem, repository.named.contains(where: { $0.name == versions.first?.id.name }) else { continue }
            switch problem {
            case .error(let error): throw error
            case .answer(let reason): wrong = wrong ?? reason
            }
        }
        do throws(ThreadError) {
            try WorkerThread("models") { keeper.run() }.detach()
            try WorkerThread("model waits") { self.expireWaiters() }.detach()
        } catch {
            throw ModelError(error)
        }
        return wrong
    }

    /// Answers requests that have waited for a model until their deadline.
    private func expireWaiters() {
        while true {
            let late = monitor.wait(on: waiting) { state, now -> Waiting<[StoreState.Waiter]?> in
                if state.isClosed { return .done(nil) }
                let late = state.waiters.filter { $0.deadline.map { $0 <= now } ?? false }
                state.waiters.removeAll { $0.deadline.map { $0 <= now } ?? false }
                return late.isEmpty ? .wait(until: state.waiters.compactMap(\.deadline).min()) : .done(late)
            }
            guard let late else { return }
            for waiter in late { waiter.body(.failure(.refused(.deadlinePassed))) }
        }
    }
}

/// The store's thread.
///
/// `@unchecked Sendable`: made by the thread that starts the store, and from then on its own thread's alone.
final class ModelKeeper: @unchecked Sendable {
    /// What is wrong with a model.
    enum Problem {
        case error(ModelError)
        /// Of its self-test.
        case answer(String)

        var text: String {
            switch self {
            case .error(let error): "\(error)"
            case .answer(let reason): "the self-test failed: \(reason)"
            }
        }
    }

    /// A folder that looks different, and how often in a row it has looked so.
    private struct Sighting {
        var fingerprint: ModelRepository.Fingerprint?
        var count = 1
    }

    private let store: ModelStore
    private let repository: ModelRepository
    private var options: ModelStore.Options { store.options }
    private var pool: EnginePool { store.pool }
    private var sightings: [ModelID: Sighting] = [:]
    private var isUnreadable = false

    init(_ store: ModelStore, _ repository: ModelRepository) {
        self.store = store
        self.repository = repository
    }

    func run() {
        var next = options.watch.map { ContinuousClock.now + $0 }
        while true {
            let task = store.monitor.wait(on: store.work) { state, now -> Waiting<StoreState.Task?> in
                if state.isClosed { return .done(nil) }
                if let task = state.tasks.popFirst() { return .done(task) }
                return next.map { $0 <= now ? .done(.look) : .wait(until: $0) } ?? .wait(until: nil)
            }
            switch task {
            case nil: return
            case .scan: scan(isPatient: false)
            case .look:
                scan(isPatient: true)
                next = options.watch.map { ContinuousClock.now + $0 }
            case .load(let name, let done): done(load(name))
            case .unload(let name, let done): done(unload(name))
            case .need(let id): need(id)
            }
        }
    }

    // MARK: Folders

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

    // MARK: Loading

    /// Loads a model beside the one that is served, tests it, and has it take its place.
    ///
    /// - Returns: what is wrong with it: nothing has changed then.
    @discardableResult
    private func load(_ found: ModelRepository.Found) -> Problem? {
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
    private func retire(_ model: Model) {
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
    private func need(_ id: ModelID) {
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

    private func load(_ name: String) -> String? {
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

    private func unload(_ name: String) -> String? {
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
