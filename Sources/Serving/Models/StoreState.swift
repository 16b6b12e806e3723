import DequeModule
import SENet

/// What a store knows, under its lock.
struct StoreState {
    struct Entry {
        let id: ModelID
        var folder: String
        /// Of its files when they were last loaded, or tried.
        var fingerprint: ModelRepository.Fingerprint?
        /// What requests come to.
        var model: Model?
        var facts: ModelFacts?
        /// Why its files could not be loaded.
        var failure: String?
        var isLoading = false
        /// An operator has unloaded it.
        var isHeld = false
        /// Whether a request may come to it: it has been loaded once, and can be again.
        var isKnown = false
        /// When a request last came to it, among those to all models.
        var lastUse = 0

        init(_ id: ModelID, folder: String) {
            self.id = id
            self.folder = folder
        }

        var isOffered: Bool { model != nil || isKnown && !isHeld }

        var status: ModelStatus {
            let state: ModelStatus.State =
                if model != nil { .serving } else if isHeld { .unloaded } else if isLoading || !isKnown && failure == nil {
                    .loading
                } else if failure == nil { .unloaded } else { .failed }
            return ModelStatus(id: id, state: state, isOffered: isOffered, error: failure, facts: facts, model: model)
        }
    }

    /// A request that waits for a model to be loaded.
    struct Waiter {
        var id: ModelID
        var deadline: ContinuousClock.Instant?
        var body: @Sendable (Result<Model, ModelLookupError>) -> Void
    }

    /// What the store's thread is asked to do.
    enum Task {
        case scan
        /// The same where folders are watched: it is time.
        case look
        case load(String, @Sendable (String?) -> Void)
        case unload(String, @Sendable (String?) -> Void)
        /// A request needs it.
        case need(ModelID)

        func refuse() {
            switch self {
            case .scan, .look, .need: break
            case .load(_, let done), .unload(_, let done): done("the server is shutting down")
            }
        }
    }

    /// Of each name the newest version first.
    var entries: [Entry] = []
    var tasks: Deque<Task> = []
    var waiters: [Waiter] = []
    var isClosed = false
    /// How many requests hold a model that they have not yet handed to the pool.
    private var leases: [Model: Int] = [:]
    private var uses = 0
    /// Who is asked where no model is named; nil for the only one.
    var standard: String?
    /// Models that have folders of their own.
    var named: Set<String> = []

    func index(of id: ModelID) -> Int? { entries.firstIndex { $0.id == id } }

    mutating func update(_ id: ModelID, _ change: (inout Entry) -> Void) {
        if let index = index(of: id) { change(&entries[index]) }
    }

    // MARK: Requests

    /// The entry of the model that a request names, which is loaded or can be.
    func find(_ reference: ModelReference) throws(ModelLookupError) -> Int {
        guard !isClosed else { throw .refused(.unavailable) }
        let (name, version) = try resolve(reference)
        let all = entries.indices.filter { entries[$0].id.name == name }
        let offered = all.filter { entries[$0].isOffered }
        if let version {
            if let index = offered.first(where: { entries[$0].id.versionText == version }) { return index }
            if let index = all.first(where: { entries[$0].id.versionText == version }) { throw entries[index].absence }
            throw .unknownVersion(version, of: name, served: offered.map { entries[$0].id.versionText })
        }
        if let index = offered.first { return index }
        guard let index = all.first else { throw .noModel }
        throw entries[index].absence
    }

    private func resolve(_ reference: ModelReference) throws(ModelLookupError) -> (name: String, version: String?) {
        guard let text = reference.name else { return (try standardName(), reference.version) }
        if let name = known(text, reference) { return (name, reference.version) }
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        if reference.version == nil, parts.count > 1, let version = parts.last,
            let name = known(parts.dropLast().joined(separator: "@"), reference)
        {
            return (name, String(version))
        }
        throw .unknownModel(text, served: offeredNames)
    }

    private func standardName() throws(ModelLookupError) -> String {
        if let standard { return standard }
        let names = offeredNames
        guard let first = names.first else { throw entries.isEmpty ? .noModel : entries[0].absence }
        guard names.count == 1 else { throw .severalModels(names) }
        return first
    }

    /// The name that is meant: itself, or the only one that ends in it behind an owner's.
    private func known(_ text: String, _ reference: ModelReference) -> String? {
        let names = names
        if names.contains(text) { return text }
        let longer = names.filter { $0.hasSuffix("/\(text)") }
        if longer.count == 1 { return longer[0] }
        guard reference.ignoresOwner, let last = text.split(separator: "/").last, last.count < text.count else { return nil }
        return known(String(last), ModelReference())
    }

    /// Each name once, in order.
    var names: [String] {
        var seen: Set<String> = []
        return entries.map(\.id.name).filter { seen.insert($0).inserted }
    }

    var offeredNames: [String] { names.filter { name in entries.contains { $0.id.name == name && $0.isOffered } } }

    /// The model of an entry for a request, which gives it back by `release`; nil where it is not loaded.
    mutating func lease(_ index: Int) -> Model? {
        uses += 1
        entries[index].lastUse = uses
        guard let model = entries[index].model else { return nil }
        leases[model, default: 0] += 1
        return model
    }

    /// - Returns: whether no request holds it any more.
    mutating func release(_ model: Model) -> Bool {
        guard let count = leases[model], count > 1 else {
            leases[model] = nil
            return true
        }
        leases[model] = count - 1
        return false
    }

    func isLeased(_ model: Model) -> Bool { leases[model] != nil }

    /// Has a model loaded, unless that has been asked for.
    mutating func need(_ id: ModelID) {
        let isAsked = tasks.contains { if case .need(id) = $0 { true } else { false } }
        if !isAsked { tasks.append(.need(id)) }
    }

    /// Takes out the requests that wait for a model, with the model for each, which they give back by `release`.
    mutating func takeWaiters(of id: ModelID, or error: ModelLookupError) -> [(waiter: Waiter, found: Result<Model, ModelLookupError>)] {
        let taken = waiters.filter { $0.id == id }
        waiters.removeAll { $0.id == id }
        let index = index(of: id)
        return taken.map { waiter in
            (waiter, index.flatMap { lease($0) }.map { .success($0) } ?? .failure(index.map { entries[$0].absence } ?? error))
        }
    }

    // MARK: Memory

    /// Bytes of all loaded weights, but for those of one model: models that share them count once.
    func weightBytes(without id: ModelID? = nil) -> Int {
        var plans: Set<ObjectIdentifier> = []
        return entries.filter { $0.id != id }.compactMap { $0.model?.plan }.filter { plans.insert(ObjectIdentifier($0)).inserted }
            .reduce(0) { $0 + $1.weightBytes }
    }

    /// The loaded model that was asked longest ago, but for one.
    func leastRecentlyUsed(besides id: ModelID) -> ModelID? {
        entries.filter { $0.model != nil && $0.id != id }.min { $0.lastUse < $1.lastUse }?.id
    }
}

extension StoreState.Entry {
    /// Why it cannot be asked.
    var absence: ModelLookupError {
        if isHeld { return .unloaded(id) }
        if let failure { return .failed(id, failure) }
        return .loading(id)
    }
}
