/// A network for one size of its input: values are numbers and their shapes are known, so that nothing after this looks a name up.
///
/// Value 0 is the input, and value `i + 1` is what operation `i` makes.
struct ResolvedNetwork: Sendable {
    struct Node: Sendable {
        let operation: Operation
        /// The values that it reads, in order.
        let inputs: [Int]
    }

    /// The number of the input.
    static let input = 0

    let network: Network
    private(set) var shapes: [Shape]
    private(set) var nodes: [Node] = []

    /// The number of the last value: the logits.
    var output: Int { nodes.count }

    func name(of value: Int) -> String { value == Self.input ? Network.input : nodes[value - 1].operation.name }

    /// - Throws: `ModelError.network` where an operation does not fit its inputs, or the input is too small for it.
    init(_ network: Network, height: Int, width: Int) throws(ModelError) {
        self.network = network
        shapes = [Shape(channels: network.inputChannels, height: height, width: width)]
        var numbers = [Network.input: Self.input]
        for operation in network.operations {
            try operation.validate()
            let inputs = try operation.inputs.map { (name) throws(ModelError) in
                guard let number = numbers[name] else {
                    throw .network("operation '\(operation.name)' reads the value '\(name)', which no operation before it makes")
                }
                return number
            }
            guard numbers.updateValue(shapes.count, forKey: operation.name) == nil else {
                throw .network("two operations make the value '\(operation.name)'")
            }
            let shape = try operation.outputShape(inputs.map { shapes[$0] })
            // The kernels count in 32 bits.
            guard shape.count <= 1 << 30 else { throw .network("the value of operation '\(operation.name)' is too large: \(shape)") }
            shapes.append(shape)
            nodes.append(Node(operation: operation, inputs: inputs))
        }
    }
}

extension Network {
    /// The network for an input of the given size, if it can be made into a plan.
    ///
    /// - Throws: `ModelError.network` where an operation does not fit its inputs, two have tensors of the same name, or the last value is
    ///   no vector.
    func resolved(height: Int, width: Int) throws(ModelError) -> ResolvedNetwork {
        guard (1...4).contains(inputChannels) else { throw .network("a network's input has from 1 to 4 channels, not \(inputChannels)") }
        let resolved = try ResolvedNetwork(self, height: height, width: width)
        var names: Set<String> = []
        for parameter in parameters where !names.insert(parameter.name).inserted {
            throw .network("two operations have a tensor '\(parameter.name)'")
        }
        guard resolved.output != ResolvedNetwork.input else { throw .network("the network has no operations") }
        let last = resolved.shapes[resolved.output]
        guard last.pixels == 1 else { throw .network("the last operation, '\(output)', makes \(last) and not one value a class") }
        return resolved
    }

    /// Whether the network can be made into a plan for an input of the given size.
    ///
    /// - Throws: `ModelError.network` as `resolved` does.
    public func validate(height: Int, width: Int) throws(ModelError) { _ = try resolved(height: height, width: width) }

    /// The shape of every value for an input of the given size, by name.
    ///
    /// - Throws: `ModelError.network` where an operation does not fit its inputs, or the input is too small for it.
    public func shapes(height: Int, width: Int) throws(ModelError) -> [String: Shape] {
        let resolved = try ResolvedNetwork(self, height: height, width: width)
        return Dictionary(uniqueKeysWithValues: resolved.shapes.enumerated().map { (resolved.name(of: $0), $1) })
    }
}
