import SENet

extension CaffeLayer {
    func failure(_ what: String) -> ModelError { .network("layer '\(name)' (\(type)) \(what)") }

    /// A number of a layer's parameters that must be in a range.
    private func size(_ parameters: ProtobufMessage, _ field: String, default value: Int? = nil, in range: ClosedRange<Int>)
        throws(ModelError)
        -> Int
    {
        guard let found = parameters.integer(field) ?? value else { throw failure("has no \(field)") }
        guard range.contains(found) else {
            throw failure("has the \(field) \(found), which is not from \(range.lowerBound) to \(range.upperBound)")
        }
        return found
    }

    /// An edge that Caffe lets be given once, once for each axis, or under two names.
    private func edge(_ parameters: ProtobufMessage, _ field: String, _ prefix: String, default value: Int, in range: ClosedRange<Int>)
        throws(ModelError) -> Int
    {
        let edges = parameters.integers(field) + parameters.integers("\(prefix)_h") + parameters.integers("\(prefix)_w")
        let edge = edges.first ?? value
        guard edges.allSatisfy({ $0 == edge }) else { throw failure("has a different \(field) for height and width: \(edges)") }
        guard range.contains(edge) else {
            throw failure("has the \(field) \(edge), which is not from \(range.lowerBound) to \(range.upperBound)")
        }
        return edge
    }

    func convolution(inputs: Int) throws(ModelError) -> Convolution {
        let parameters = parameters.message("convolution_param")
        guard parameters.integers("dilation").allSatisfy({ $0 == 1 }), parameters.integer("axis") ?? 1 == 1 else {
            throw failure("is dilated or along another axis, which is not supported")
        }
        let groups = try size(parameters, "group", default: 1, in: 1...65_536)
        let outputs = try size(parameters, "num_output", in: 1...65_536)
        guard inputs % groups == 0, outputs % groups == 0 else { throw failure("has channels that do not divide into \(groups) groups") }
        return Convolution(
            inputs: inputs, outputs: outputs, kernel: try edge(parameters, "kernel_size", "kernel", default: 0, in: 1...64),
            stride: try edge(parameters, "stride", "stride", default: 1, in: 1...64),
            padding: try edge(parameters, "pad", "pad", default: 0, in: 0...64), groups: groups, bias: parameters.bool("bias_term") ?? true)
    }

    func pooling(_ shape: Shape) throws(ModelError) -> Operation.Kind {
        let parameters = parameters.message("pooling_param")
        let name = parameters.text("pool") ?? "MAX"
        guard name == "MAX" || name == "AVE" else { throw failure("pools by \(name), which is not supported") }
        let largest = max(shape.height, shape.width)
        let isGlobal = parameters.bool("global_pooling") ?? false
        let kernel = isGlobal ? largest : try edge(parameters, "kernel_size", "kernel", default: 0, in: 1...4096)
        let padding = isGlobal ? 0 : try edge(parameters, "pad", "pad", default: 0, in: 0...64)
        // A window that covers the image stays global when the network is given images of another size.
        if isGlobal || (padding == 0 && kernel >= largest) {
            return name == "AVE" ? .globalPooling(.average) : .globalPooling(.max)
        }
        guard padding < kernel else { throw failure("has more padding than its window is wide") }
        return .pooling(
            Pooling(
                operator: name == "AVE" ? .average : .max, kernel: kernel,
                stride: try edge(parameters, "stride", "stride", default: 1, in: 1...64), padding: padding,
                ceil: parameters.text("round_mode") ?? "CEIL" == "CEIL", countsPadding: name == "AVE" && padding > 0))
    }

    /// The weight and, where there is one, the bias of a convolution.
    func weights(_ kind: Operation.Kind, _ file: InputFile) throws(ModelError) -> [ImportedTensor] {
        try Operation(name, kind, inputs: []).parameters.enumerated().map { (index, parameter) throws(ModelError) in
            try blob(index, as: parameter, file)
        }
    }

    /// A linear layer; on more than one pixel, the convolution that is the same.
    func innerProduct(_ shape: Shape, _ file: InputFile) throws(ModelError) -> (Operation.Kind, [ImportedTensor]) {
        let parameters = parameters.message("inner_product_param")
        guard parameters.integer("axis") ?? 1 == 1, !(parameters.bool("transpose") ?? false) else {
            throw failure("is transposed or along another axis, which is not supported")
        }
        let outputs = try size(parameters, "num_output", in: 1...65_536)
        guard shape.height == shape.width else { throw failure("takes \(shape), which is not square") }
        let kind: Operation.Kind =
            shape.pixels == 1
            ? .linear(Linear(inputs: shape.channels, outputs: outputs))
            : .convolution(
                Convolution(inputs: shape.channels, outputs: outputs, kernel: shape.height, padding: 0, bias: true))
        let names = Operation(name, kind, inputs: []).parameters
        let hasBias = parameters.bool("bias_term") ?? true
        let bias = try hasBias ? blob(1, as: names[1], file) : ImportedTensor(names[1], repeating: 0)
        return (kind, [try blob(0, as: names[0], file), bias])
    }

    /// A batch norm's weight and bias, which change nothing, and its statistics: running sums over the third blob.
    func statistics(_ channels: Int, _ file: InputFile) throws(ModelError) -> [ImportedTensor] {
        let names = Operation(name, .batchNorm(BatchNorm(channels: channels)), inputs: []).parameters
        guard blobs.count == 3 else { throw failure("has \(blobs.count) blobs, not 3: mean, variance and their weight") }
        let weight = try floats(2, count: 1, file)[0]
        let factor = weight == 0 ? 0 : 1 / Double(weight)
        let sums = [try floats(0, count: channels, file), try floats(1, count: channels, file)]
        return [ImportedTensor(names[0], repeating: 1), ImportedTensor(names[1], repeating: 0)]
            + zip(names.suffix(2), sums).map { ImportedTensor($0, $1.map { Float(Double($0) * factor) }) }
    }

    /// A learned factor and, where there is one, a learned bias for each channel, and statistics that change nothing.
    func factors(_ channels: Int, _ file: InputFile) throws(ModelError) -> [ImportedTensor] {
        let parameters = parameters.message("scale_param")
        guard parameters.integer("axis") ?? 1 == 1, parameters.integer("num_axes") ?? 1 == 1 else {
            throw failure("scales along another axis than the channels")
        }
        let names = Operation(name, .batchNorm(BatchNorm(channels: channels)), inputs: []).parameters
        let hasBias = parameters.bool("bias_term") ?? false
        return [
            ImportedTensor(names[0], try floats(0, count: channels, file)),
            ImportedTensor(names[1], try hasBias ? floats(1, count: channels, file) : [Float](repeating: 0, count: channels)),
            ImportedTensor(names[2], repeating: 0), ImportedTensor(names[3], repeating: 1),
        ]
    }

    /// A blob left in the file, of the parameter's size; Caffe itself does not mind how its sizes are written.
    private func blob(_ index: Int, as parameter: Parameter, _ file: InputFile) throws(ModelError) -> ImportedTensor {
        let blob = try checked(index, count: parameter.count)
        return ImportedTensor(name: parameter.name, shape: parameter.shape, values: .stored(blob.elementType, blob.ranges))
    }

    private func floats(_ index: Int, count: Int, _ file: InputFile) throws(ModelError) -> [Float] {
        let blob = try checked(index, count: count)
        var floats: [Float] = []
        let tensor = ImportedTensor(name: name, shape: [count], values: .stored(blob.elementType, blob.ranges))
        try tensor.forEachPiece(in: file) { bytes throws(ModelError) in
            floats += bytes.withUnsafeBytes { Array($0.assumingMemoryBound(to: Float.self)) }
        }
        return floats
    }

    private func checked(_ index: Int, count: Int) throws(ModelError) -> CaffeBlob {
        guard index < blobs.count else {
            throw .weights("layer '\(name)' (\(type)) has \(blobs.count) blobs in the caffemodel, not \(index + 1)")
        }
        let blob = blobs[index]
        guard blob.count == count, blob.ranges.allSatisfy({ $0.count % blob.elementType.byteCount == 0 }) else {
            throw .weights("layer '\(name)' (\(type)): blob \(index), \(blob.shape), has \(blob.count) values, not \(count)")
        }
        return blob
    }
}

extension ImportedTensor {
    init(_ parameter: Parameter, _ values: [Float]) {
        self.init(name: parameter.name, shape: parameter.shape, values: .computed(values))
    }

    init(_ parameter: Parameter, repeating value: Float) {
        self.init(parameter, [Float](repeating: value, count: parameter.count))
    }
}
