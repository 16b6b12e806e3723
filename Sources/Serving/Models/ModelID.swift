/// What a model is called, and which of its versions it is.
public struct ModelID: Sendable, Hashable, CustomStringConvertible {
    public let name: String
    /// The number that its folder is called by; nil of a model without versions.
    public let version: Int?

    public init(name: String, version: Int? = nil) {
        self.name = name
        self.version = version
    }

    /// What protocols that give every model a version call it: 1 where it has none.
    public var versionText: String { version.map(String.init) ?? "1" }

    /// As requests can write it: `cats@2`.
    public var description: String { version.map { "\(name)@\($0)" } ?? name }
}

/// How a request names a model.
public struct ModelReference: Sendable, Hashable {
    /// Its name, its name's last part where that is clear, or either with a version behind it: `cats@2`. Nil for the model that is asked where
    /// none is named.
    public var name: String?
    /// Nil for the newest.
    public var version: String?
    /// Whether an owner that a model's name does not have is passed over: `timm/seresnet50.a1_in1k`.
    public var ignoresOwner: Bool

    public init(_ name: String? = nil, version: String? = nil, ignoresOwner: Bool = false) {
        self.name = name
        self.version = version
        self.ignoresOwner = ignoresOwner
    }
}

/// Why no model can be asked now.
public enum ModelLookupError: Error, Sendable, Equatable {
    /// As the pool refuses requests: the server is loading or shutting down, as many requests wait for models as may, or the deadline passed
    /// before the model was loaded.
    case refused(InferenceError)
    /// There is no model at all.
    case noModel
    /// No model is named, and there are these.
    case severalModels([String])
    case unknownModel(String, served: [String])
    case unknownVersion(String, of: String, served: [String])
    /// It could not be loaded: why.
    case failed(ModelID, String)
    /// An operator has unloaded it.
    case unloaded(ModelID)
    /// It is being loaded.
    case loading(ModelID)
}
