import CKernels

/// The pass that chooses: a step for each operation, in their order, and in it the algorithm.
struct StepChoice {
    let kernels: Kernels
    /// Computes every float32 convolution by im2col and OpenBLAS.
    let onlyGemm: Bool
    let precision: Precision
    /// Whether whatever is no convolution is computed without contraction, as 8-bit codes ask for.
    private var isExact: Bool { precision == .int8 }

    /// A convolution's sums get as many bands as its algorithm has.
    func steps(of network: inout FusedNetwork) -> [any Step] {
        var steps: [any Step] = []
        for operation in network.operations { steps.append(step(for: operation, in: &network)) }
        return steps
    }

    private func step(for operation: FusedOperation, in network: inout FusedNetwork) -> any Step {
        let (name, from, to) = (operation.name, network[operation.input], network[operation.output])
        let (input, output, shape) = (operation.input, operation.output, to.shape)
        let isEncoded = isExact || !from.encoding.isFloat32 || !to.encoding.isFloat32
        switch operation.kind {
        case .conversion:
            return ConversionStep(name: name, shape: shape, input: input, output: output)
        case .interleaving:
            return InterleavingStep(name: name, shape: shape, to: to.encoding, input: input, output: output)
        case .recoding:
            return RecodingStep(
                name: name, kind: "conversion", shape: shape, from: from.encoding, to: to.encoding, input: input, output: output)
        case .convolution(let fused):
            return convolution(fused, operation, in: &network)
        case .pooling(let pooling):
            let window = excite_pooling(pooling, from: from.shape, to: shape)
            return isEncoded
                ? EncodedPoolingStep(
                    name: name, window: .pooling(window), shape: shape, encoding: to.encoding, input: input, output: output)
                : PoolingStep(name: name, shape: window, input: input, output: output)
        case .blurPooling(let blurring):
            let window = excite_blurring(blurring, from: from.shape, to: shape)
            return isEncoded
                ? EncodedPoolingStep(name: name, window: .blur(window), shape: shape, encoding: to.encoding, input: input, output: output)
                : BlurPoolingStep(name: name, shape: window, input: input, output: output)
        case .channelSums, .channelMaxima:
            let takesMaximum = operation.kind == .channelMaxima
            return isEncoded
                ? EncodedReductionStep(
                    name: name, shape: from.shape, encoding: from.encoding, takesMaximum: takesMaximum, input: input, output: output)
                : ChannelSumsStep(name: name, shape: from.shape, takesMaximum: takesMaximum, input: input, output: output)
        case .mean(let pixels):
            return MeanStep(name: name, channels: shape.channels, mean: mean(of: from, pixels), input: input, output: output)
        case .linear(let tensors, let pixels, let activation):
            // In bfloat16 the gates' layers stay what they are: with rounded ones a network of the golden ones takes another class for its first.
            let holdsBFloat16 = isExact || precision == .bfloat16 && output == network.output
            return LinearStep(
                name: name, layer: tensors, mean: pixels.map { mean(of: from, $0) }, holdsBFloat16: holdsBFloat16,
                activation: activation, input: input, output: output)
        case .scale(let gate, let shortcut, let activation):
            return isEncoded
                ? GatingStep(
                    name: name, shape: shape, gate: gate, shortcut: shortcut, activation: activation, input: input, output: output,
                    inputEncoding: from.encoding, shortcutEncoding: shortcut.map { network[$0].encoding } ?? .float32,
                    outputEncoding: to.encoding)
                : ScaleStep(
                    name: name, shape: shape, gate: gate, shortcut: shortcut, activation: activation, input: input, output: output)
        case .affine(let norm, let activation):
            return isEncoded
                ? RecodingStep(
                    name: name, kind: AffineStep.kind(norm, activation), shape: shape, from: from.encoding, to: to.encoding, norm: norm,
                    activation: activation, input: input, output: output)
                : AffineStep(name: name, shape: shape, norm: norm, activation: activation, input: input, output: output)
        case .concatenation(let others):
            let inputs = ([input] + others).map { ($0, network[$0].shape.channels) }
            return ConcatenationStep(name: name, inputs: inputs, shape: shape, encoding: to.encoding, output: output)
        }
    }

    private func mean(of sums: Value, _ pixels: Int) -> Mean {
        Mean(bands: sums.bands, pixels: pixels, summed: sums.summed, isExact: isExact)
    }

    private func convolution(_ fused: FusedConvolution, _ operation: FusedOperation, in network: inout FusedNetwork) -> any Step {
        let (from, to) = (network[operation.input], network[operation.output])
        let shape = excite_convolution(fused.convolution, from: from, to: to.shape)
        let dots = from.encoding.code == nil ? kernels.table.pointee.bfloat16 : kernels.table.pointee.uint8
        if !from.encoding.isFloat32, let dots {
            let choice = AlgorithmChoice(encoded: shape, elementBytes: from.encoding.byteCount)
            let geometry = ConvolutionGeometry(shape: shape, choice: choice)
            let step = DotConvolutionStep(
                name: operation.name, fused: fused, geometry: geometry, kernels: DotKernels(table: dots), input: operation.input,
                output: operation.output, inputEncoding: from.encoding,
                residualEncoding: fused.residual.map { network[$0].encoding } ?? .float32, outputEncoding: to.encoding)
            if let sums = fused.sums { network.setBands(step.geometry.bands, of: sums) }
            return step
        }
        let step = ConvolutionStep(
            name: operation.name, fused: fused,
            geometry: ConvolutionGeometry(shape: shape, choice: AlgorithmChoice(shape, kernels: kernels, onlyGemm: onlyGemm)),
            input: operation.input, output: operation.output)
        if let sums = fused.sums { network.setBands(step.geometry.bands, of: sums) }
        return step
    }
}

extension excite_convolution {
    fileprivate init(_ convolution: Convolution, from input: Value, to output: Shape) {
        self.init(
            channels: Int32(input.shape.channels), height: Int32(input.shape.height), width: Int32(input.shape.width),
            outputs: Int32(output.channels), output_height: Int32(output.height), output_width: Int32(output.width),
            kernel_height: Int32(convolution.kernel), kernel_width: Int32(convolution.kernel), stride: Int32(convolution.stride),
            padding: Int32(convolution.padding), groups: Int32(convolution.groups), planar_input: input.layout != .blocked)
    }
}

extension excite_pooling {
    fileprivate init(_ pooling: Pooling, from input: Shape, to output: Shape) {
        self.init(
            channels: Int32(input.channels), height: Int32(input.height), width: Int32(input.width), output_height: Int32(output.height),
            output_width: Int32(output.width), kernel: Int32(pooling.kernel), stride: Int32(pooling.stride),
            padding: Int32(pooling.padding), average: pooling.operator == .average, counts_padding: pooling.countsPadding)
    }
}

extension excite_blurring {
    fileprivate init(_ blurring: BlurPooling, from input: Shape, to output: Shape) {
        self.init(
            channels: Int32(input.channels), height: Int32(input.height), width: Int32(input.width), output_height: Int32(output.height),
            output_width: Int32(output.width), stride: Int32(blurring.stride), reflects: blurring.padding == .reflect)
    }
}
