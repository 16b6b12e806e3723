import DequeModule
import SENet
import Threads

/// Owns the models: which there are to be, which are loaded, and how requests come to them.
///
/// One thread loads, tests, swaps and unloads. A model's successor is loaded and tested beside it, then takes its place in one step; the old one
/// answers what was asked of it, and is let go. What cannot be loaded changes nothing for what is served.
public final class ModelStore: Sendable {
    public struct Options: Sendable {
        public var repository: ModelRepository
        /// The model in a folder.
        public var source: @Sendable (String) throws(ModelError) -> ModelSource
        /// What all are computed in; nil for what each is made for.
        public var precision: Precision?
        /// The most bytes of weights that are loaded at a time; nil for no limit.
        public var memory: Int?
        /// How often changed folders are looked for; nil for only when asked to.
        public var watch: Duration?
        /// The most requests that wait for models to be loaded.
        public var waiting = 256

        public init(
            repository: ModelRepository, precision: Precision? = nil, memory: Int? = nil, watch: Duration? = nil,
            source: @escaping @Sendable (String) throws(ModelError) -> ModelSource
        ) {
            self.repository = repository
            self.precision = precision
            self.memory = memory
            self.watch = watch
            self.source = source
        }
    }

    public let pool: EnginePool
    let options: Options
    let report: @Sendable (ModelEvent) -> Void
    let metrics: ModelStoreMetrics
    let monitor: Monitor<StoreState>
    /// There may be something for the store's thread to do.
    let work = Condition()
    /// A request that held a model has let go of it.
    let released = Condition()
    /// Requests that wait for models have come or gone.
    let waiting = Condition()

    /// A store that has nothing yet: `start` loads the models.
    public init(
        _ options: Options, pool: EnginePool, metrics: Metrics = Metrics(), report: @escaping @Sendable (ModelEvent) -> Void = { _ in }
    ) {
        self.options = options
        self.pool = pool
        self.report = report
        self.metrics = ModelStoreMetrics(metrics)
        monitor = Monitor(StoreState())
        declareReadings(metrics)
    }

    /// A store of what a pool has, which stays as it is.
    package convenience init(serving pool: EnginePool) {
        self.init(Options(repository: ModelRepository()) { (folder) throws(ModelError) in try ModelSource(folder: folder) }, pool: pool)
        monitor.withLock { state in
            state.entries = pool.models.map { model in
                var entry = StoreState.Entry(model.id, folder: model.source.folder ?? "")
                (entry.model, entry.facts, entry.isKnown) = (model, ModelFacts(model), true)
                return entry
            }
            state.standard = state.entries.first?.id.name
        }
    }

    // MARK: Requests

    /// Hands the model that a request names to `body`: here, or on another thread when it has been loaded. As long as `body` runs, the model takes
    /// requests, whatever becomes of it meanwhile.
    ///
    /// - Parameters:
    ///   - deadline: the longest that it is waited for.
    ///   - body: called exactly once.
    public func withModel(
        _ reference: ModelReference, deadline: ContinuousClock.Instant?,
        _ body: @escaping @Sendable (Result<Model, ModelLookupError>) -> Void
    ) {
        let found = monitor.withLock { state -> Result<Model, ModelLookupError>? in
            do throws(ModelLookupError) {
                let index = try state.find(reference)
                if let model = state.lease(index) { return .success(model) }
                guard state.waiters.count < options.waiting else { throw .refused(.overloaded(retryAfter: .seconds(1))) }
                let id = state.entries[index].id
                state.waiters.append(StoreState.Waiter(id: id, deadline: deadline, body: body))
                state.need(id)
                return nil
            } catch {
                return .failure(error)
            }
        }
        guard let found else {
            work.signal()
            waiting.signal()
            return
        }
        hand(found, to: body)
    }

    /// The same at once: `body` gets nil where the model is not loaded, and it is loaded meanwhile.
    public func withLoadedModel<Output>(
        _ reference: ModelReference, _ body: (Result<Model?, ModelLookupError>) -> Output
    ) -> Output {
        let found = monitor.withLock { state -> Result<Model?, ModelLookupError> in
            do throws(ModelLookupError) {
                let index = try state.find(reference)
                let model = state.lease(index)
                if model == nil { state.need(state.entries[index].id) }
                return .success(model)
            } catch {
                return .failure(error)
            }
        }
        if case .success(nil) = found { work.signal() }
        defer { if case .success(let model?) = found { release(model) } }
        return body(found)
    }

    /// Has the model that a request names loaded, where it is not.
    public func prepare(_ reference: ModelReference) { withLoadedModel(reference) { _ in } }

    /// What is known of the model that a request names.
    public func status(of reference: ModelReference) throws(ModelLookupError) -> ModelStatus {
        let status: Result<ModelStatus, ModelLookupError> = monitor.withLock { state in
            do throws(ModelLookupError) {
                return .success(state.entries[try state.find(reference)].status)
            } catch {
                return .failure(error)
            }
        }
        return try status.get()
    }

    /// The versions of a model that can be asked, the newest first.
    public func versions(of name: String) -> [ModelID] {
        monitor.withLock { $0.entries.filter { $0.id.name == name && $0.isOffered }.map(\.id) }
    }

    /// The names of the models that can be asked.
    public var names: [String] { monitor.withLock(\.offeredNames) }

    /// All models that are to be served.
    public var statuses: [ModelStatus] { monitor.withLock { $0.entries.map(\.status) } }

    /// Whether a model can be asked, and each that has a folder of its own.
    public var isServing: Bool {
        monitor.withLock { state in
            let names = Set(state.entries.filter(\.isOffered).map(\.id.name))
            return !names.isEmpty && state.named.isSubset(of: names)
        }
    }

    func hand(_ found: Result<Model, ModelLookupError>, to body: (Result<Model, ModelLookupError>) -> Void) {
        defer { if case .success(let model) = found { release(model) } }
        body(found)
    }

    private func release(_ model: Model) {
        let isLast = monitor.withLock { $0.release(model) }
        if isLast { released.signal() }
    }

    // MARK: Operators

    /// Looks at the folders again: loads what is new or different or could not be loaded before, and lets go what is not there any more.
    public func rescan() { enqueue(.scan) }

    /// Loads a model, all that are served of its versions, from what is on disk now.
    ///
    /// - Parameter done: gets what was wrong, nil if nothing was.
    public func load(_ name: String, done: @escaping @Sendable (String?) -> Void) { enqueue(.load(name, done)) }

    /// Lets a model go, all of its versions, until it is loaded again by `load`.
    ///
    /// - Parameter done: gets what was wrong, nil if nothing was.
    public func unload(_ name: String, done: @escaping @Sendable (String?) -> Void) { enqueue(.unload(name, done)) }

    private func enqueue(_ task: StoreState.Task) {
        let isClosed = monitor.withLock { state in
            if !state.isClosed { state.tasks.append(task) }
            return state.isClosed
        }
        if isClosed { task.refuse() }
        work.signal()
    }

    /// Refuses new requests, waits until every accepted one is answered, and ends the threads.
    public func close() {
        let (waiters, tasks) = monitor.withLock { state in
            state.isClosed = true
            defer { (state.waiters, state.tasks) = ([], []) }
            return (state.waiters, state.tasks)
        }
        work.broadcast()
        waiting.broadcast()
        for waiter in waiters { waiter.body(.failure(.refused(.unavailable))) }
        for task in tasks { task.refuse() }
        pool.close()
    }
}
