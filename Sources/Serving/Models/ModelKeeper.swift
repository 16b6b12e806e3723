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
    struct Sighting {
        var fingerprint: ModelRepository.Fingerprint?
        var count = 1
    }

    let store: ModelStore
    let repository: ModelRepository
    var options: ModelStore.Options { store.options }
    var pool: EnginePool { store.pool }
    var sightings: [ModelID: Sighting] = [:]
    var isUnreadable = false

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
}
