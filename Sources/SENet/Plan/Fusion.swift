/// What one pass over the data computes: a convolution with everything that can happen to its output while it is in registers, or one of the
/// few other passes. Still symbolic: values by name, no memory.
struct FusedOperation: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        /// Reads an image. `norm` names the batch norm folded into it; `sums`: a gate wants the sums over its output's channels.
        case convolution(Convolution, norm: String?, residual: String?, activation: Activation?, sums: Bool)
        case pooling(Pooling)
        case blurPooling(BlurPooling)
        /// Sums over the pixels of each channel of a value whose producer does not deliver them.
        case channelSums
        /// The largest of each channel.
        case channelMaxima
        /// The mean of each channel, from the sums.
        case mean
        /// From the mean of a value's channels, or from a vector.
        case linear(Linear, ofMean: Bool, activation: Activation?)
        /// activation(input * gate + shortcut); without a gate, 1.
        case scale(gate: String?, shortcut: String?, activation: Activation?)
        /// activation(input * factor + shift) by the batch norm named; without one, the activation alone.
        case affine(norm: String?, activation: Activation?)
        case concatenation([String])
    }

    var name: String
    var input: String
    /// The value that it makes.
    var output: String
    var kind: Kind

    /// Every value that it reads.
    var reads: [String] {
        switch kind {
        case .convolution(_, _, let residual, _, _): [input] + [residual].compactMap { $0 }
        case .scale(let gate, let shortcut, _): [input] + [gate, shortcut].compactMap { $0 }
        case .linear(_, ofMean: true, _), .mean: [Self.sums(of: input)]
        case .concatenation(let inputs): inputs
        case .linear, .pooling, .blurPooling, .channelSums, .channelMaxima, .affine: [input]
        }
    }

    /// Every value that it makes.
    var writes: [String] {
        switch kind {
        case .convolution(_, _, _, _, sums: true): [output, Self.sums(of: output)]
        default: [output]
        }
    }

    /// The value that holds the sums over the pixels of each channel of `value`, one row a band.
    static func sums(of value: String) -> String { "\(value).sums" }
}

/// Turns a network's operations into as few passes over memory as the kernels can do.
struct Fusion {
    private let network: Network
    /// The operations that read a value, by index.
    private var readers: [String: [Int]] = [:]
    /// The image that a globally pooled value is the mean of: the mean is taken where it is read.
    private var means: [String: String] = [:]
    private var absorbed: Set<Int> = []
    private var fused: [FusedOperation] = []

    /// - Throws: `ModelError.network` for an arrangement of operations that the kernels cannot do.
    static func fuse(_ network: Network) throws(ModelError) -> [FusedOperation] {
        var fusion = Fusion(network)
        for (index, operation) in network.operations.enumerated() where !fusion.absorbed.contains(index) {
            var isConvolution: Bool { if case .convolution = operation.kind { true } else { false } }
            guard isConvolution || !operation.inputs.contains(Network.input) else {
                throw .network("operation '\(operation.name)' reads the image, which only a convolution can")
            }
            fusion.visit(index)
        }
        var made: Set<String> = [Network.input]
        for value in fusion.fused.flatMap(\.writes) where !made.insert(value).inserted {
            throw .network("the name '\(value)' is taken by a part of another operation")
        }
        return fusion.fused
    }

    private init(_ network: Network) {
        self.network = network
        for (index, operation) in network.operations.enumerated() {
            for input in operation.inputs { readers[input, default: []].append(index) }
        }
    }

    private mutating func visit(_ index: Int) {
        let operation = network.operations[index]
        let input = operation.inputs[0]
        switch operation.kind {
        case .convolution(let convolution):
            var end = operation.name
            let norm = absorb(after: &end) { if case .batchNorm = $0.kind { true } else { false } }
            let (residual, activation) = absorbTail(after: &end, before: index)
            append(
                operation.name, input, end,
                .convolution(convolution, norm: norm?.name, residual: residual, activation: activation, sums: false))
        case .pooling(let pooling):
            append(operation.name, input, operation.name, .pooling(pooling))
        case .blurPooling(let blurring):
            append(operation.name, input, operation.name, .blurPooling(blurring))
        case .globalPooling(.max):
            append(operation.name, input, operation.name, .channelMaxima)
        case .globalPooling(.average):
            needSums(of: input)
            if isReadByLinearAlone(operation.name) {
                means[operation.name] = input
            } else {
                append(operation.name, input, operation.name, .mean)
            }
        case .linear(let linear):
            var end = operation.name
            let pooled = means[input]
            let activation = absorbActivation(after: &end)
            append(operation.name, pooled ?? input, end, .linear(linear, ofMean: pooled != nil, activation: activation))
        case .gate(let gate):
            appendGate(operation.name, input, gate)
        case .scale:
            var end = operation.name
            let (shortcut, activation) = absorbTail(after: &end, before: index)
            append(operation.name, input, end, .scale(gate: operation.inputs[1], shortcut: shortcut, activation: activation))
        case .add:
            var end = operation.name
            let activation = absorbActivation(after: &end)
            append(operation.name, input, end, .scale(gate: nil, shortcut: operation.inputs[1], activation: activation))
        case .activation(let activation):
            append(operation.name, input, operation.name, .affine(norm: nil, activation: activation))
        case .batchNorm:
            var end = operation.name
            let activation = absorbActivation(after: &end, isExponentialToo: true)
            append(operation.name, input, end, .affine(norm: operation.name, activation: activation))
        case .concatenation:
            append(operation.name, input, operation.name, .concatenation(operation.inputs))
        }
    }

    private mutating func appendGate(_ name: String, _ input: String, _ gate: Gate) {
        let squeeze = Linear(inputs: gate.channels, outputs: gate.hidden)
        let excite = Linear(inputs: gate.hidden, outputs: gate.channels)
        let (first, second, maxima) = ("\(name).fc1", "\(name).fc2", "\(name).maxima")
        switch gate.squeeze {
        case .average: needSums(of: input)
        case .max: append(maxima, input, maxima, .channelMaxima)
        }
        let isMean = gate.squeeze == .average
        append(first, isMean ? input : maxima, first, .linear(squeeze, ofMean: isMean, activation: .relu))
        append(second, first, name, .linear(excite, ofMean: false, activation: gate.excitation))
    }

    private func isReadByLinearAlone(_ value: String) -> Bool {
        guard let readers = readers[value] else { return false }
        return readers.allSatisfy { if case .linear = network.operations[$0].kind { true } else { false } }
    }
}

extension Fusion {
    private mutating func append(_ name: String, _ input: String, _ output: String, _ kind: FusedOperation.Kind) {
        fused.append(FusedOperation(name: name, input: input, output: output, kind: kind))
    }

    /// Takes the only reader of `end` into the operation that makes `end`, if it is as wanted.
    private mutating func absorb(after end: inout String, where wanted: (Operation) -> Bool) -> Operation? {
        guard let all = readers[end], all.count == 1, let index = all.first, wanted(network.operations[index]) else { return nil }
        absorbed.insert(index)
        end = network.operations[index].name
        return network.operations[index]
    }

    /// A ReLU, or any activation where the kernel can compute exponentials.
    private mutating func absorbActivation(after end: inout String, isExponentialToo: Bool = false) -> Activation? {
        let absorbed = absorb(after: &end) { operation in
            if case .activation(let activation) = operation.kind { activation == .relu || isExponentialToo } else { false }
        }
        guard case .activation(let activation)? = absorbed?.kind else { return nil }
        return activation
    }

    /// An addition whose other side is there already, and a ReLU.
    private mutating func absorbTail(after end: inout String, before index: Int) -> (shortcut: String?, Activation?) {
        let value = end
        let made = Set(fused.map(\.output) + [Network.input])
        var other: String?
        for candidate in readers[value] ?? [] {
            let operation = network.operations[candidate]
            guard operation.kind == .add, let side = operation.inputs.first(where: { $0 != value }) else { continue }
            other = side
        }
        if let shortcut = other, made.contains(shortcut), absorb(after: &end, where: { $0.kind == .add }) != nil {
            return (shortcut, absorbActivation(after: &end))
        }
        return (nil, absorbActivation(after: &end))
    }

    /// Makes the producer of `value` deliver its channels' sums, or adds a pass that takes them.
    private mutating func needSums(of value: String) {
        let sums = FusedOperation.sums(of: value)
        guard !fused.contains(where: { $0.writes.contains(sums) }) else { return }
        if let index = fused.lastIndex(where: { $0.output == value }),
            case .convolution(let convolution, let norm, let residual, let activation, _) = fused[index].kind
        {
            fused[index].kind = .convolution(convolution, norm: norm, residual: residual, activation: activation, sums: true)
        } else {
            append(sums, value, sums, .channelSums)
        }
    }
}
