import SENet

/// A state dictionary's tensors, parted into the network's and what is kept beside it.
struct NetworkTensors {
    /// The network's tensors, without what stands before all their names (`module.`, `model.`) and without PyTorch's training counters.
    private(set) var network: [ImportedTensor]
    /// Names of the others, as in the file: a count of averaged steps, a loss's weights.
    private(set) var beside: [String] = []

    init(_ tensors: [ImportedTensor]) {
        network = tensors.filter { !$0.name.hasSuffix("num_batches_tracked") }
        var removed = ""
        while let prefix = commonPrefix {
            beside += network.filter { !$0.name.hasPrefix(prefix) }.map { removed + $0.name }
            network.removeAll { !$0.name.hasPrefix(prefix) }
            for index in network.indices { network[index].name.removeFirst(prefix.count) }
            removed += prefix
        }
    }

    /// What stands, up to a dot, before the names of all convolutions and of a classifier; whatever lacks it is beside the network.
    private var commonPrefix: Substring? {
        let convolutions = network.filter { $0.shape.count == 4 }
        guard let name = convolutions.first?.name, let dot = name.firstIndex(of: ".") else { return nil }
        let prefix = name[...dot]
        let inside = network.filter { $0.name.hasPrefix(prefix) && $0.name.count > prefix.count }
        let isClassifierInside = inside.contains { tensor in
            tensor.shape.count == 2
                && ResidualStructure.blockEnd(tensor.name.dropFirst(prefix.count).split(separator: ".").dropLast().map(String.init)) == nil
        }
        let isCommon = convolutions.allSatisfy { $0.name.hasPrefix(prefix) } && (isClassifierInside || inside.count == network.count)
        return isCommon ? prefix : nil
    }

    /// Parts the tensors that have the names of a published network's parameters from those that stand beside it.
    ///
    /// - Returns: nil if one is missing, has another shape, or is left over under a name that is the network's own: in a module of its.
    func fitting(_ parameters: [Parameter]) -> (network: [ImportedTensor], beside: [String])? {
        guard firstProblem(parameters) == nil else { return nil }
        let names = Set(parameters.map(\.name))
        let others = network.filter { !names.contains($0.name) }.map(\.name)
        let byName = Dictionary(network.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        return (parameters.compactMap { byName[$0.name] }, beside + others)
    }

    /// Why the tensors are not those of a network with these parameters; nil if they are.
    func firstProblem(_ parameters: [Parameter]) -> String? {
        let byName = Dictionary(network.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
        if let missing = parameters.first(where: { byName[$0.name] == nil }) {
            return "tensor '\(missing.name)' \(missing.shape) is missing"
        }
        if let other = parameters.first(where: { byName[$0.name] != $0.shape }) {
            return "tensor '\(other.name)' \(other.shape) is \(byName[other.name] ?? [])"
        }
        let names = Set(parameters.map(\.name))
        let modules = Set(names.map(Self.module))
        return network.first { !names.contains($0.name) && modules.contains(Self.module($0.name)) }
            .map { "tensor '\($0.name)' \($0.shape) does not belong to it" }
    }

    /// The outermost module of a tensor: `layer1`.
    static func module(_ name: String) -> Substring { name.prefix { $0 != "." } }
}
