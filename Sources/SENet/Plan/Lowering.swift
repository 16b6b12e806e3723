/// The pass that encodes: a fused network becomes one whose images are bfloat16 or 8-bit codes wherever the kernels can compute on them, with
/// conversions where an operation wants another encoding than a value has. Vectors (sums, gates, logits) stay float32.
struct Lowering {
    private let network: FusedNetwork
    /// Nil for bfloat16.
    private let quantization: Quantization?
    private var lowered: FusedNetwork
    /// Of each value of the network: where it is in the lowered one, as it was made.
    private var made: [ValueID?]
    /// Values in other encodings than they were made in.
    private var conversions: [(value: ValueID, converted: ValueID)] = []

    /// - Throws: `ModelError.configuration` naming the value whose code is missing or wrong, or a float32 convolution that there is not.
    static func lower(_ network: FusedNetwork, to precision: Precision, _ quantization: Quantization?) throws(ModelError) -> FusedNetwork {
        switch precision {
        case .float32: return network
        case .bfloat16: return try lower(network, nil)
        case .int8:
            guard let quantization else {
                throw .configuration("the model is not quantised, so it cannot be computed in int8: make it so with excite quantize")
            }
            try quantization.validate(for: network)
            return try lower(network, quantization)
        }
    }

    private static func lower(_ network: FusedNetwork, _ quantization: Quantization?) throws(ModelError) -> FusedNetwork {
        var lowering = Lowering(network, quantization)
        for operation in network.operations { try lowering.visit(operation) }
        lowering.lowered.output = try lowering.read(network.output, as: .float32)
        return lowering.lowered
    }

    private init(_ network: FusedNetwork, _ quantization: Quantization?) {
        self.network = network
        self.quantization = quantization
        lowered = FusedNetwork(input: network[network.input].shape)
        made = network.values.map { _ in nil }
        made[network.input.index] = lowered.input
    }

    private mutating func visit(_ operation: FusedOperation) throws(ModelError) {
        var kind = operation.kind
        var input = operation.input
        var encoding = Encoding.float32
        switch operation.kind {
        case .conversion, .mean, .linear:
            input = try read(input, as: .float32)
        case .channelMaxima:
            input = try read(input)
        case .channelSums:
            made[operation.output.index] = lowered.sums(of: try read(input))
            return
        case .convolution(var convolution):
            let isEncoded = isEncoded(convolution, of: input)
            let read =
                isEncoded ? { (lowering: inout Lowering, value) throws(ModelError) in try lowering.readEncoded(value) } : Self.readFloats
            input = try read(&self, input)
            if let residual = convolution.residual { convolution.residual = try read(&self, residual) }
            let sums = convolution.sums
            convolution.sums = nil
            if isEncoded, operation.output != network.output { encoding = try self.encoding(of: operation.output) }
            kind = .convolution(convolution)
            let output = append(operation, kind, input, encoding)
            if let sums { made[sums.index] = lowered.sums(of: output) }
            return
        case .pooling, .blurPooling:
            input = try read(input)
            encoding = lowered[input].encoding
        case .scale(let gate, let shortcut, let activation):
            let isEncoded = try isAnyEncoded([input] + [shortcut].compactMap { $0 })
            let gate = if let gate { try self.read(gate, as: .float32) } else { nil as ValueID? }
            let other: ValueID?
            if isEncoded {
                input = try readEncoded(input)
                other = if let shortcut { try readEncoded(shortcut) } else { nil }
                encoding = try self.encoding(of: operation.output)
            } else {
                input = try read(input, as: .float32)
                other = if let shortcut { try read(shortcut, as: .float32) } else { nil }
            }
            kind = .scale(gate: gate, shortcut: other, activation: activation)
        case .affine:
            if operation.output != network.output, try isAnyEncoded([input]) { encoding = try self.encoding(of: operation.output) }
            input = try read(input)
        case .concatenation(let others):
            if try isAnyEncoded([input] + others) {
                encoding = try self.encoding(of: operation.output)
            }
            input = try read(input, as: encoding)
            kind = .concatenation(try others.map { (value) throws(ModelError) in try read(value, as: encoding) })
        case .interleaving, .recoding:
            preconditionFailure("only this pass makes them")
        }
        _ = append(operation, kind, input, encoding)
    }

    private mutating func append(_ operation: FusedOperation, _ kind: FusedOperation.Kind, _ input: ValueID, _ encoding: Encoding)
        -> ValueID
    {
        let value = network[operation.output]
        let output = lowered.append(
            operation.name, kind, of: input, makes: Value(name: value.name, shape: value.shape, encoding: encoding))
        made[operation.output.index] = output
        return output
    }
}

extension Lowering {
    /// The value as it was made.
    private func read(_ value: ValueID) throws(ModelError) -> ValueID {
        guard let id = made[value.index] else { throw .network("the value '\(network[value].name)' is read before anything makes it") }
        return id
    }

    /// Whether one of the values was made in another encoding than float32, and all of them can have one.
    private func isAnyEncoded(_ values: [ValueID]) throws(ModelError) -> Bool {
        if values.contains(where: network.isVector) { return false }
        for value in values {
            if !lowered[try read(value)].encoding.isFloat32 { return true }
        }
        return false
    }

    private static func readFloats(_ lowering: inout Lowering, _ value: ValueID) throws(ModelError) -> ValueID {
        value == lowering.network.input ? lowering.lowered.input : try lowering.read(value, as: .float32)
    }

    /// The value in the wanted encoding.
    private mutating func read(_ value: ValueID, as wanted: Encoding) throws(ModelError) -> ValueID {
        let made = try read(value)
        guard lowered[made].encoding != wanted else { return made }
        return convert(value, made, .recoding, Value(name: network[value].name, shape: network[value].shape, encoding: wanted))
    }

    /// The value in the code that it has, or is to have; the network's input with its channels side by side.
    private mutating func readEncoded(_ value: ValueID) throws(ModelError) -> ValueID {
        let made = try read(value)
        guard lowered[made].encoding.isFloat32 else { return made }
        let encoding = try encoding(of: value)
        let isInput = value == network.input
        return convert(
            value, made, isInput ? .interleaving : .recoding,
            Value(name: network[value].name, shape: network[value].shape, layout: isInput ? .interleaved : .blocked, encoding: encoding))
    }

    private mutating func convert(_ value: ValueID, _ made: ValueID, _ kind: FusedOperation.Kind, _ wanted: Value) -> ValueID {
        if let found = conversions.first(where: { $0.value == value && lowered[$0.converted] == wanted }) { return found.converted }
        let converted = lowered.append(wanted.name, kind, of: made, makes: wanted)
        conversions.append((value, converted))
        return converted
    }

    /// The encoding that the network's value is to have.
    private func encoding(of value: ValueID) throws(ModelError) -> Encoding {
        guard let quantization else { return .bfloat16 }
        let name = network[value].name
        guard let code = quantization.values[name] else { throw .configuration("config.json: quantization.values has no '\(name)'") }
        return .uint8(code)
    }

    /// Whether a convolution is computed on codes.
    private func isEncoded(_ convolution: FusedConvolution, of input: ValueID) -> Bool {
        network.isEncodable(convolution, of: input) && quantization?.float32.contains(convolution.name) != true
    }
}

extension FusedNetwork {
    /// Whether the kernels can compute a convolution on other elements than float32: those whose groups fit blocks of channels. One of a
    /// vector is a linear layer, and those stay float32.
    func isEncodable(_ fused: FusedConvolution, of input: ValueID) -> Bool {
        let convolution = fused.convolution
        if isVector(input) || fused.residual.map(isVector) == true { return false }
        if self[input].layout == .planar { return convolution.groups == 1 && convolution.inputs <= 4 }
        let (depth, outputs) = (convolution.inputs / convolution.groups, convolution.outputs / convolution.groups)
        if convolution.groups == 1 { return true }
        return depth % Shape.block == 0 && outputs % Shape.block == 0
            || convolution.kernel == 3 && depth == outputs && (depth == 4 || depth == 8)
    }

    /// Whether the value is one number a channel by the way in which it is made.
    fileprivate func isVector(_ value: ValueID) -> Bool {
        operations.contains {
            guard $0.output == value else { return false }
            return switch $0.kind {
            case .channelSums, .channelMaxima, .mean, .linear: true
            default: false
            }
        }
    }
}

extension Quantization {
    /// - Throws: `ModelError.configuration` naming an image or a convolution that the network does not have, or what is wrong with a code.
    func validate(for network: FusedNetwork) throws(ModelError) {
        let images = ([network.input] + network.imageValues).map { network[$0] }
        for (name, code) in values.sorted(by: { $0.key < $1.key }) {
            guard let value = images.first(where: { $0.name == name }) else {
                throw .configuration("config.json: quantization.values names '\(name)', which is no image of the network")
            }
            try code.validate(name, channels: value.shape.channels, isInput: name == Network.input)
        }
        let names = network.operations.compactMap { if case .convolution(let convolution) = $0.kind { convolution.name } else { nil } }
        if let name = Set(float32).subtracting(names).min() {
            throw .configuration("config.json: quantization.float32 names '\(name)', which is no convolution of the network")
        }
    }
}
