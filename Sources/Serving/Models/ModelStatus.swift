import SENet

/// What there is to tell of a model, loaded or not.
public struct ModelFacts: Sendable {
    public let architecture: String
    public let input: Shape
    public let precision: Precision
    public let classes: Int
    public let parameters: Int
    /// Of one image.
    public let multiplyAccumulates: Int
    public let license: String?
    public let instructionSet: String
    /// Bytes of its weights in memory.
    public let weightBytes: Int

    init(_ model: Model) {
        architecture = model.source.configuration.name
        input = model.plan.inputShape
        precision = model.plan.precision
        classes = model.plan.classes
        parameters = model.source.network.parameterCount
        multiplyAccumulates = model.multiplyAccumulates
        license = model.source.configuration.license
        instructionSet = model.plan.instructionSet
        weightBytes = model.plan.weightBytes
    }
}

/// A model that is to be served, and how it stands with it.
public struct ModelStatus: Sendable {
    public enum State: String, Sendable, CaseIterable {
        case loading
        case serving
        /// It could not be loaded.
        case failed
        /// By an operator, or for the memory that others need: then the next request loads it.
        case unloaded
    }

    public let id: ModelID
    public let state: State
    /// Whether a request to it is answered now, if perhaps after it was loaded.
    public let isOffered: Bool
    /// Why its files on disk could not be loaded; it may be served as it was before.
    public let error: String?
    /// Nil before it was first loaded.
    public let facts: ModelFacts?
    /// While it is loaded.
    public let model: Model?
}

/// What a store has done, for the log.
public enum ModelEvent: Sendable {
    case loaded(Model, Duration, sharesWeightsWith: ModelID?)
    /// Why, and whether it is served as it was before.
    case failed(ModelID, String, isServed: Bool)
    case unloaded(ModelID, Reason)
    /// The folder of models could not be read.
    case unreadable(String)

    public enum Reason: String, Sendable {
        case replaced
        case memory
        case gone
        case operatorAsked = "operator"
    }
}
