import CKernels

/// A convolution over bfloat16 or 8-bit codes, and what is fused into it.
struct DotConvolutionStep: WeightedStep {
    let name: String
    let fused: FusedConvolution
    let geometry: ConvolutionGeometry
    let kernels: DotKernels
    let input: ValueID
    let output: ValueID
    let inputEncoding: Encoding
    let residualEncoding: Encoding
    let outputEncoding: Encoding

    var items: Int { geometry.items }
    var isWeightBound: Bool { geometry.isWeightBound }
    private var shape: excite_convolution { geometry.shape }
    private var outputShape: Shape { geometry.outputShape }
    private var isInt8: Bool { inputEncoding.code != nil }

    var summary: StepSummary { geometry.summary(name, algorithm: "dot product", precision: inputEncoding.precision) }

    func run(_ item: Int, in frame: Frame) {
        var shape = shape
        var tile = geometry.tile(of: item)
        let numbers = (frame.weights + packedBytes).assumingMemoryBound(to: Float.self)
        let count = outputShape.vector.blockedCount
        var epilogue = excite_dot_epilogue(
            multiplier: isInt8 ? numbers + count : nil, bias: numbers, residual: fused.residual.map { UnsafeRawPointer(frame.bytes($0)) },
            residual_multiplier: isInt8 ? numbers + 2 * count : nil,
            sums: fused.sums.map { frame.floats($0) + geometry.band(of: item) * count },
            low: fused.activation == .relu ? outputEncoding.zero(of: 0) : -.infinity, element: outputEncoding.element)
        kernels.table.pointee.run(
            &shape, &tile, border, frame.bytes(input), frame.weights, &epilogue, frame.bytes(output), frame.scratch)
    }

    /// A word of what lies outside the image: zeros, as near as codes have them.
    private var border: UInt32 {
        guard let code = inputEncoding.code else { return 0 }
        let channels = shape.planar_input || code.zero.count > 1 ? min(4, Int(shape.channels)) : 4
        return (0..<channels).reduce(0) { $0 | UInt32(code.zero(of: $1).rounded()) << UInt32(8 * $1) }
    }

    var scratchBytes: Int {
        var shape = shape
        return kernels.table.pointee.scratch_bytes(&shape, Int32(geometry.choice.rows))
    }
}

extension DotConvolutionStep {
    /// The tensors that `excite quantize` writes for it: the weight in 8 bits, and one number an output channel.
    static func quantizedTensors(of fused: FusedConvolution) -> (weight: Parameter, scale: Parameter, bias: Parameter) {
        let (weight, outputs) = (fused.tensors.weight, fused.tensors.weight.shape[0])
        return (
            weight, Parameter(name: "\(fused.name).weight_scale", shape: [outputs]), Parameter(name: "\(fused.name).bias", shape: [outputs])
        )
    }

    var tensors: [Parameter] {
        guard isInt8 else { return fused.tensors.all + (fused.norm?.all ?? []) }
        let (weight, scale, bias) = Self.quantizedTensors(of: fused)
        return [weight, scale, bias]
    }

    private var packedBytes: Int {
        var shape = shape
        return kernels.table.pointee.packed_bytes(&shape)
    }

    /// The packed weights; then the bias and, of codes, the multipliers of the sums and of the residual, in whole blocks.
    var weightBytes: Int { packedBytes + (isInt8 ? 3 : 1) * outputShape.vector.blockedCount * MemoryLayout<Float>.stride }

    func pack(from checkpoint: Checkpoint, to weights: UnsafeMutableRawPointer) throws(ModelError) {
        var shape = shape
        let numbers = (weights + packedBytes).assumingMemoryBound(to: Float.self)
        if isInt8 {
            let (weight, scale, bias) = Self.quantizedTensors(of: fused)
            let integers = try checkpoint.integers(weight)
            kernels.table.pointee.pack(&shape, 0, Int32(outputShape.blocks), integers, weights)
            pack(integers, try checkpoint.scales(scale), try checkpoint.floats(bias), to: numbers)
        } else {
            var (weight, bias) = try checkpoint.folded(fused.tensors, norm: fused.norm)
            weight.roundToBFloat16(rows: Int(shape.outputs))
            kernels.table.pointee.pack(&shape, 0, Int32(outputShape.blocks), weight, weights)
            numbers.update(from: bias, count: bias.count)
        }
    }

    /// With sum(w * (q - z)) = sum(w * q) - sum(w * z), and the output's code and the residual's: what the kernel multiplies and adds.
    private func pack(_ weights: [Int8], _ scale: [Float], _ bias: [Float], to numbers: UnsafeMutablePointer<Float>) {
        let count = outputShape.vector.blockedCount
        let window = Int(shape.kernel_height * shape.kernel_width)
        let (depth, groupOutputs) = (Int(shape.channels / shape.groups), Int(shape.outputs / shape.groups))
        for output in 0..<Int(shape.outputs) {
            let first = output / groupOutputs * depth
            var zeros = 0.0
            for channel in 0..<depth {
                let zero = Double(inputEncoding.zero(of: first + channel))
                guard zero != 0 else { continue }
                let start = (output * depth + channel) * window
                zeros += zero * Double(weights[start..<start + window].reduce(0) { $0 + Int($1) })
            }
            let unit = Double(outputEncoding.scale(of: output))
            let residual = fused.residual == nil ? 0 : Double(residualEncoding.scale(of: output))
            let constant = Double(bias[output]) - Double(scale[output]) * zeros - residual * Double(residualEncoding.zero(of: output))
            numbers[output] = Float(constant / unit + Double(outputEncoding.zero(of: output)))
            numbers[count + output] = Float(Double(scale[output]) / unit)
            numbers[2 * count + output] = Float(residual / unit)
        }
    }
}
