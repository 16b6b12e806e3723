import SENet

/// Turns a Caffe network's layers into operations. Values are named after the layers that make them, tensors likewise.
///
/// Sources: the layers' documentation and `caffe.proto`; Axpy is the authors' own layer (github.com/hujie-frank/SENet).
struct CaffeNetwork {
    let file: InputFile
    private(set) var operations: [Operation] = []
    private(set) var tensors: [String: [ImportedTensor]] = [:]
    private(set) var inputSize: (height: Int, width: Int)?
    private(set) var skipped: [String] = []
    private var inputChannels: Int?
    /// The value that each blob holds at this point; layers often write over their input.
    private var values: [String: String] = [:]
    private var shapes: [String: Shape] = [:]
    /// The value before the last softmax.
    private var logits: String?

    /// Layers that only training or measuring needs.
    private static let ignored: Set<String> = ["Accuracy", "SoftmaxWithLoss", "Silence"]
    static let sources: Set<String> = ["Input", "Data", "ImageData", "MemoryData", "HDF5Data", "DummyData"]

    /// - Throws: `ModelError.network` for a layer that is not known or does not fit, `.weights` for blobs that do not fit.
    init(_ model: CaffeModel, file: InputFile) throws(ModelError) {
        self.file = file
        for (name, shape) in model.inputs { try input(name, shape: shape) }
        for layer in model.layers { try add(layer) }
        guard let last = logits ?? operations.last?.name else { throw .network("\(file.path): no layer that computes anything") }
        try prune(to: last)
        mergeNorms()
        recognizeGates()
    }

    func model(name: String) throws(ModelError) -> ImportedModel {
        let network = Network(name: name, inputChannels: inputChannels ?? 3, operations: operations)
        return ImportedModel(
            network: network, tensors: operations.flatMap { tensors[$0.name] ?? [] }, file: file, isCaffe: true, inputSize: inputSize)
    }

    private mutating func input(_ name: String, shape: [Int]) throws(ModelError) {
        guard shape.count == 4 else { return }  // labels
        guard inputChannels == nil else { throw .network("\(file.path): more than one input: '\(name)' is the second") }
        guard (1...4).contains(shape[1]), (1...4096).contains(shape[2]), (1...4096).contains(shape[3]) else {
            throw .network("\(file.path): the input '\(name)' has the unusable shape \(shape)")
        }
        (inputChannels, inputSize) = (shape[1], (shape[2], shape[3]))
        values[name] = Network.input
        shapes[Network.input] = Shape(channels: shape[1], height: shape[2], width: shape[3])
    }

    private mutating func add(_ layer: CaffeLayer) throws(ModelError) {
        if Self.ignored.contains(layer.type) { return }
        guard let top = layer.tops.first else { throw layer.failure("makes no blob") }
        if Self.sources.contains(layer.type) {
            let crop = layer.parameters.message("transform_param").integer("crop_size") ?? 224
            let shape =
                layer.type == "Input" ? layer.parameters.message("input_param").message("shape").integers("dim") : [1, 3, crop, crop]
            return try input(top, shape: shape)
        }
        // Of labels, which nothing here reads.
        if layer.type == "Split", layer.bottoms.allSatisfy({ values[$0] == nil }) { return }
        var inputs: [String] = []
        for bottom in layer.bottoms {
            guard let value = values[bottom] else { throw layer.failure("reads the blob '\(bottom)', which no layer before it makes") }
            inputs.append(value)
        }
        guard let first = inputs.first, let shape = shapes[first] else { throw layer.failure("reads nothing") }
        switch layer.type {
        case "Split":
            for top in layer.tops { values[top] = first }
            return
        case "Dropout": values[top] = first
        case "Softmax": (values[top], logits) = (first, first)
        case "Reshape", "Flatten":
            // Of one number a channel, a view; anything else would need the elements in another order.
            guard shape.pixels == 1 else { throw layer.failure("reshapes \(shape); only vectors can be reshaped") }
            values[top] = first
        default:
            guard layer.tops.count == 1 else { throw layer.failure("makes \(layer.tops.count) blobs") }
            values[top] = try append(layer, inputs, shape)
        }
    }

    /// Appends the operations of a layer that computes, and returns the name of its value.
    private mutating func append(_ layer: CaffeLayer, _ inputs: [String], _ shape: Shape) throws(ModelError) -> String {
        let name = layer.name
        switch layer.type {
        case "Convolution":
            let convolution = try layer.convolution(inputs: shape.channels)
            return try append(layer, .convolution(convolution), inputs, try layer.weights(.convolution(convolution), file))
        case "InnerProduct":
            let (kind, weights) = try layer.innerProduct(shape, file)
            return try append(layer, kind, inputs, weights)
        case "BatchNorm":
            let norm = BatchNorm(channels: shape.channels, epsilon: layer.parameters.message("batch_norm_param").reals("eps").last ?? 1e-5)
            return try append(layer, .batchNorm(norm), inputs, try layer.statistics(shape.channels, file))
        case "Scale" where inputs.count == 1:
            // The same as a batch norm whose statistics change nothing.
            let norm = BatchNorm(channels: shape.channels, epsilon: 0)
            return try append(layer, .batchNorm(norm), inputs, try layer.factors(shape.channels, file))
        case "Scale": return try append(layer, .scale, inputs)
        case "ReLU":
            guard layer.parameters.message("relu_param").reals("negative_slope").last ?? 0 == 0 else {
                throw layer.failure("has a negative slope, which is not supported")
            }
            return try append(layer, .activation(.relu), inputs)
        case "Sigmoid": return try append(layer, .activation(.sigmoid), inputs)
        case "TanH": return try append(layer, .activation(.tanh), inputs)
        case "Pooling": return try append(layer, try layer.pooling(shape), inputs)
        case "Concat":
            let parameters = layer.parameters.message("concat_param")
            guard parameters.integer("axis") ?? parameters.integer("concat_dim") ?? 1 == 1 else {
                throw layer.failure("joins along another axis than the channels")
            }
            if inputs.count == 1 { return inputs[0] }
            return try append(layer, .concatenation, inputs)
        case "Eltwise":
            let parameters = layer.parameters.message("eltwise_param")
            guard parameters.text("operation") ?? "SUM" == "SUM", parameters.reals("coeff").allSatisfy({ $0 == 1 }) else {
                throw layer.failure("does not add; only SUM without coefficients is supported")
            }
            guard inputs.count > 1 else { return inputs[0] }
            var sum = inputs[0]
            for (index, input) in inputs.enumerated().dropFirst() {
                sum = try append(index == inputs.count - 1 ? name : "\(name).\(index)", .add, [sum, input], [], layer)
            }
            return sum
        case "Axpy":
            guard inputs.count == 3 else { throw layer.failure("takes three blobs, not \(inputs.count)") }
            let product = try append("\(name).scale", .scale, [inputs[1], inputs[0]], [], layer)
            return try append(name, .add, [product, inputs[2]], [], layer)
        default:
            throw layer.failure("is of a type that is not supported")
        }
    }

    private mutating func append(
        _ layer: CaffeLayer, _ kind: Operation.Kind, _ inputs: [String], _ tensors: [ImportedTensor] = []
    ) throws(ModelError) -> String {
        try append(layer.name, kind, inputs, tensors, layer)
    }

    private mutating func append(
        _ name: String, _ kind: Operation.Kind, _ inputs: [String], _ tensors: [ImportedTensor], _ layer: CaffeLayer
    ) throws(ModelError) -> String {
        guard shapes[name] == nil else { throw layer.failure("has a name that another layer has too") }
        let operation = Operation(name, kind, inputs: inputs)
        try operation.validate()
        let shape = try operation.outputShape(inputs.map { shapes[$0] ?? Shape(channels: 0, height: 0, width: 0) })
        guard shape.channels <= 1 << 20, shape.count <= 1 << 28 else { throw layer.failure("makes \(shape), more than can be computed") }
        shapes[name] = shape
        operations.append(operation)
        self.tensors[name] = tensors
        return name
    }
}

// MARK: - Passes over the operations

extension CaffeNetwork {
    /// Removes what the logits do not depend on.
    private mutating func prune(to output: String) throws(ModelError) {
        var needed: Set<String> = [output]
        for operation in operations.reversed() where needed.contains(operation.name) { needed.formUnion(operation.inputs) }
        guard needed.contains(Network.input) else { throw .network("\(file.path): the last layer does not depend on the input") }
        skipped = operations.map(\.name).filter { !needed.contains($0) }
        operations.removeAll { !needed.contains($0.name) }
    }

    /// Indexes of the operations that read a value.
    private var readers: [String: [Int]] {
        var readers: [String: [Int]] = [:]
        for (index, operation) in operations.enumerated() {
            for input in operation.inputs { readers[input, default: []].append(index) }
        }
        return readers
    }

    /// Caffe's BatchNorm normalises and its Scale has weight and bias; together they are one batch norm.
    private mutating func mergeNorms() {
        let readers = self.readers
        var replaced: [String: String] = [:]
        for index in operations.indices {
            operations[index].inputs = operations[index].inputs.map { replaced[$0] ?? $0 }
            let operation = operations[index]
            guard case .batchNorm(let norm) = operation.kind, norm.epsilon > 0, let next = readers[operation.name], next.count == 1,
                case .batchNorm(let scale) = operations[next[0]].kind, scale.epsilon == 0,
                let statistics = tensors[operation.name], let factors = tensors[operations[next[0]].name]
            else { continue }
            replaced[operations[next[0]].name] = operation.name
            tensors[operation.name] = zip(factors.prefix(2), statistics.prefix(2)).map { $0.named($1.name) } + statistics.suffix(2)
        }
        operations.removeAll { replaced[$0.name] != nil }
    }

    /// Global average, layer, ReLU, layer, sigmoid on one number a channel: a squeeze-and-excitation gate, which has kernels of its own.
    private mutating func recognizeGates() {
        let readers = self.readers
        var removed: Set<Int> = []
        for index in operations.indices where operations[index].kind == .globalPooling(.average) {
            var chain = [index]
            while chain.count < 5, let next = readers[operations[chain[chain.count - 1]].name], next.count == 1 { chain.append(next[0]) }
            guard chain.count == 5, let squeeze = layer(chain[1]), let excitation = layer(chain[3]),
                operations[chain[2]].kind == .activation(.relu), operations[chain[4]].kind == .activation(.sigmoid),
                squeeze.inputs == excitation.outputs
            else { continue }
            let name = operations[chain[4]].name
            operations[chain[4]].kind = .gate(Gate(channels: squeeze.inputs, hidden: squeeze.outputs))
            operations[chain[4]].inputs = operations[index].inputs
            tensors[name] = zip([chain[1], chain[3]], ["fc1", "fc2"]).flatMap { layer, part in
                (tensors[operations[layer].name] ?? []).map { tensor in
                    let isBias = tensor.shape.count == 1
                    var renamed = tensor.named("\(name).\(part).\(isBias ? "bias" : "weight")")
                    if !isBias { renamed.shape = Array(tensor.shape.prefix(2)) + [1, 1] }
                    return renamed
                }
            }
            removed.formUnion(chain.prefix(4))
        }
        operations = operations.indices.filter { !removed.contains($0) }.map { operations[$0] }
    }

    /// A layer on a vector, as a linear layer or as a 1 × 1 convolution.
    private func layer(_ index: Int) -> Linear? {
        switch operations[index].kind {
        case .linear(let linear): linear
        case .convolution(let convolution) where convolution.kernel == 1 && convolution.groups == 1 && convolution.padding == 0:
            Linear(inputs: convolution.inputs, outputs: convolution.outputs)
        default: nil
        }
    }
}

extension ImportedTensor {
    func named(_ name: String) -> ImportedTensor {
        var copy = self
        copy.name = name
        return copy
    }
}
