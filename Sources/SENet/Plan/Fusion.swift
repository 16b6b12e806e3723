/// The pass that turns a network's operations into as few passes over memory as the kernels can do.
struct Fusion {
    private let network: ResolvedNetwork
    /// The operations that read a value, one as often as it does.
    private var readers: [[Int]]
    /// Where each value of the network is in the fused one; nil while nothing has made it.
    private var made: [ValueID?]
    /// Globally pooled values that nothing makes: the mean is taken from these sums where it is read.
    private var means: [Int: (sums: ValueID, pixels: Int)] = [:]
    private var absorbed: Set<Int> = []
    private var fused: FusedNetwork

    /// - Throws: `ModelError.network` where an operation reads what has not been made.
    static func fuse(_ network: ResolvedNetwork) throws(ModelError) -> FusedNetwork {
        var fusion = Fusion(network)
        for index in network.nodes.indices where !fusion.absorbed.contains(index) { try fusion.visit(index) }
        fusion.fused.output = try fusion.read(network.output)
        return fusion.fused
    }

    private init(_ network: ResolvedNetwork) {
        self.network = network
        fused = FusedNetwork(input: network.shapes[ResolvedNetwork.input])
        readers = Array(repeating: [], count: network.shapes.count)
        made = Array(repeating: nil, count: network.shapes.count)
        for (index, node) in network.nodes.enumerated() {
            for input in node.inputs { readers[input].append(index) }
        }
    }

    private mutating func visit(_ index: Int) throws(ModelError) {
        let (operation, inputs) = (network.nodes[index].operation, network.nodes[index].inputs)
        /// The value that the operation makes or, once others are taken in, the last of them.
        var end = index + 1
        switch operation.kind {
        case .convolution(let convolution):
            // Convolutions read the image as it comes.
            let input = inputs[0] == ResolvedNetwork.input ? fused.input : try read(inputs[0])
            let norm = absorbNorm(after: &end)
            let residual = try absorbSum(after: &end)
            let activation = absorbActivation(after: &end)
            append(
                operation.name, input, end,
                .convolution(
                    FusedConvolution(
                        name: operation.name, convolution: convolution, tensors: convolution.tensors(of: operation.name), norm: norm,
                        residual: residual,
                        activation: activation)))
        case .pooling(let pooling):
            append(operation.name, try read(inputs[0]), end, .pooling(pooling))
        case .blurPooling(let blurring):
            append(operation.name, try read(inputs[0]), end, .blurPooling(blurring))
        case .globalPooling(.max):
            append(operation.name, try read(inputs[0]), end, .channelMaxima)
        case .globalPooling(.average):
            let (sums, pixels) = (fused.sums(of: try read(inputs[0])), network.shapes[inputs[0]].pixels)
            if isReadByLinearAlone(end) {
                means[end] = (sums, pixels)
            } else {
                append(operation.name, sums, end, .mean(pixels: pixels))
            }
        case .linear(let linear):
            let mean = means[inputs[0]]
            let input = if let mean { mean.sums } else { try read(inputs[0]) }
            let activation = absorbActivation(after: &end)
            append(
                operation.name, input, end, .linear(linear.tensors(of: operation.name), meanOver: mean?.pixels, activation: activation))
        case .gate(let gate):
            try visitGate(gate, operation.name, inputs[0], end)
        case .scale:
            let (input, gate) = (try read(inputs[0]), try read(inputs[1]))
            let shortcut = try absorbSum(after: &end)
            let activation = absorbActivation(after: &end)
            append(operation.name, input, end, .scale(gate: gate, shortcut: shortcut, activation: activation))
        case .add:
            let (input, shortcut) = (try read(inputs[0]), try read(inputs[1]))
            let activation = absorbActivation(after: &end)
            append(operation.name, input, end, .scale(gate: nil, shortcut: shortcut, activation: activation))
        case .activation(let activation):
            append(operation.name, try read(inputs[0]), end, .affine(norm: nil, activation: activation))
        case .batchNorm(let norm):
            let input = try read(inputs[0])
            let activation = absorbActivation(after: &end, isExponentialToo: true)
            append(operation.name, input, end, .affine(norm: norm.tensors(of: operation.name), activation: activation))
        case .concatenation:
            let values = try inputs.map { (input) throws(ModelError) in try read(input) }
            append(operation.name, values[0], end, .concatenation(Array(values.dropFirst())))
        }
    }

    private mutating func visitGate(_ gate: Gate, _ name: String, _ input: Int, _ end: Int) throws(ModelError) {
        let (squeeze, excite) = gate.tensors(of: name)
        let image = try read(input)
        let isMean = gate.squeeze == .average
        let pixels = isMean ? network.shapes[input].pixels : nil
        let squeezed =
            isMean
            ? fused.sums(of: image)
            : fused.append(
                "\(name).maxima", .channelMaxima, of: image, makes: Value(name: "\(name).maxima", shape: fused[image].shape.vector))
        let hidden = fused.append(
            "\(name).fc1", .linear(squeeze, meanOver: pixels, activation: .relu), of: squeezed,
            makes: Value(name: "\(name).fc1", shape: Shape(channels: gate.hidden, height: 1, width: 1)))
        append("\(name).fc2", hidden, end, .linear(excite, meanOver: nil, activation: gate.excitation))
    }

    private func isReadByLinearAlone(_ value: Int) -> Bool {
        !readers[value].isEmpty
            && readers[value].allSatisfy { if case .linear = network.nodes[$0].operation.kind { true } else { false } }
    }
}

extension Fusion {
    /// Adds the operation that makes the network's value `end`.
    private mutating func append(_ name: String, _ input: ValueID, _ end: Int, _ kind: FusedOperation.Kind) {
        made[end] = fused.append(name, kind, of: input, makes: Value(name: network.name(of: end), shape: network.shapes[end]))
    }

    /// Where the network's value is, in the blocked layout; the input is brought into it for the first that wants it so.
    private mutating func read(_ value: Int) throws(ModelError) -> ValueID {
        if let id = made[value] { return id }
        guard value == ResolvedNetwork.input else {
            throw .network("the value '\(network.name(of: value))' is read before anything makes it")
        }
        append(Network.input, fused.input, value, .conversion)
        return try read(value)
    }

    /// Takes the only reader of `end` into the operation that makes `end`, if it is as wanted.
    private mutating func absorb<Wanted>(after end: inout Int, where wanted: (ResolvedNetwork.Node) -> Wanted?) -> Wanted? {
        guard readers[end].count == 1, let found = wanted(network.nodes[readers[end][0]]) else { return nil }
        absorbed.insert(readers[end][0])
        end = readers[end][0] + 1
        return found
    }

    private mutating func absorbNorm(after end: inout Int) -> NormTensors? {
        absorb(after: &end) { node in
            if case .batchNorm(let norm) = node.operation.kind { norm.tensors(of: node.operation.name) } else { nil }
        }
    }

    /// A ReLU, or any activation where the kernel can compute exponentials.
    private mutating func absorbActivation(after end: inout Int, isExponentialToo: Bool = false) -> Activation? {
        absorb(after: &end) { node in
            if case .activation(let activation) = node.operation.kind, activation == .relu || isExponentialToo { activation } else { nil }
        }
    }

    /// An addition whose other side is there already: that side.
    private mutating func absorbSum(after end: inout Int) throws(ModelError) -> ValueID? {
        let (value, made) = (end, made)
        let shortcut = absorb(after: &end) { node in
            node.operation.kind == .add ? node.inputs.first { $0 != value && (made[$0] != nil || $0 == ResolvedNetwork.input) } : nil
        }
        return if let shortcut { try read(shortcut) } else { nil }
    }
}
