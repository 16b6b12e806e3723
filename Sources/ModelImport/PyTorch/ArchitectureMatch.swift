import SENet

extension NetworkTensors {
    /// The published architectures whose tensors have these very names and shapes, whatever the number of classes and of input channels; the
    /// shortest name first. Several, where they differ in what has no tensors: antialiasing.
    var publishedArchitectures: [String] {
        let names = Set(network.map(\.name))
        let counts = Dictionary(grouping: names, by: Self.module).mapValues(\.count)
        return Architecture.published.filter { published in
            published.modules.reduce(0) { $0 + counts[$1, default: 0] } == published.parameterNames.count
                && published.parameterNames.isSubset(of: names)
                && (try? configuration(published.name)).map { fitting($0.network.parameters) != nil } ?? false
        }.map(\.name)
    }

    /// The architecture with as many classes and input channels as the tensors have.
    ///
    /// - Throws: `ModelError.configuration` if there is none of that name.
    func configuration(_ architecture: String) throws(ModelError) -> Configuration {
        var configuration = try Configuration(architecture: architecture)
        if let classifier = configuration.network.parameters.last(where: { $0.shape.count == 2 }),
            let classes = network.first(where: { $0.name == classifier.name })?.shape.first, classes > 0
        {
            configuration.classes = classes
        }
        if let channels = network.first(where: { $0.shape.count == 4 })?.shape[1] { configuration.inputChannels = channels }
        return configuration
    }
}

extension Architecture {
    /// The published networks by name, the shortest first, and what tells most of them apart without building them again.
    fileprivate static let published: [(name: String, parameterNames: Set<String>, modules: Set<Substring>, operationCount: Int)] =
        named.keys.sorted { ($0.count, $0) < ($1.count, $1) }.compactMap { name in
            guard let network = try? Configuration(architecture: name).network else { return nil }
            let names = Set(network.parameters.map(\.name))
            return (name, names, Set(names.map(NetworkTensors.module)), network.operations.count)
        }
}

extension ImportedModel {
    /// If one of the published architectures does the very same, the model takes its name and its tensors' names.
    mutating func takeArchitectureName() {
        let wanted = network.signature
        for (name, _, _, operationCount) in Architecture.published where operationCount == network.operations.count {
            guard var configuration = try? Configuration(architecture: name) else { continue }
            (configuration.classes, configuration.inputChannels) = (classes, network.inputChannels)
            let candidate = configuration.network
            guard candidate.signature == wanted else { continue }
            let names = Dictionary(
                zip(network.parameters.map(\.name), candidate.parameters.map(\.name)), uniquingKeysWith: { first, _ in first })
            tensors = tensors.map { $0.named(names[$0.name] ?? $0.name) }
            (network, architecture) = (candidate, name)
            return
        }
    }
}

extension Network {
    /// What the operations do and what they read, without their names.
    fileprivate var signature: [Operation] {
        let numbers = Dictionary(operations.enumerated().map { ($1.name, "\($0)") }, uniquingKeysWith: { first, _ in first })
        return operations.map { Operation("", $0.kind, inputs: $0.inputs.map { numbers[$0] ?? $0 }) }
    }
}
