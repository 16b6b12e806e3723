extension [ImportedTensor] {
    /// The published architectures whose tensors have these very names and shapes, whatever the number of classes and of input channels; the
    /// shortest name first. Several, where they differ in what has no tensors: antialiasing.
    var publishedArchitectures: [String] {
        let shapes = Dictionary(map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
        return Architecture.byNameLength.compactMap { name, architecture in
            let classifier = ModuleNames(generation: architecture.generation).classifier
            guard let classes = shapes["\(classifier).weight"]?.first, let inputChannels else { return nil }
            let network = ResNetBuilder.network(name: name, architecture: architecture, inputChannels: inputChannels, classes: classes)
            let parameters = network.parameters
            return parameters.count == shapes.count && parameters.allSatisfy { shapes[$0.name] == $0.shape } ? name : nil
        }
    }

    /// What the first convolution reads.
    var inputChannels: Int? { first { $0.shape.count == 4 }?.shape[1] }
}

extension Architecture {
    fileprivate static var byNameLength: [(key: String, value: Architecture)] {
        named.sorted(by: { ($0.key.count, $0.key) < ($1.key.count, $1.key) })
    }
}

extension ImportedModel {
    /// If one of the published architectures does the very same, the model takes its name and its tensors' names.
    mutating func takeArchitectureName() {
        let wanted = network.signature
        let classes = network.operations.last?.parameters.first?.shape[0] ?? 0
        for (name, architecture) in Architecture.byNameLength {
            let candidate = ResNetBuilder.network(
                name: name, architecture: architecture, inputChannels: network.inputChannels, classes: classes)
            guard candidate.operations.count == network.operations.count, candidate.signature == wanted else { continue }
            let names = Dictionary(
                zip(network.parameters.map(\.name), candidate.parameters.map(\.name)), uniquingKeysWith: { first, _ in first })
            tensors = tensors.map { $0.named(names[$0.name] ?? $0.name) }
            (network, self.architecture) = (candidate, name)
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
