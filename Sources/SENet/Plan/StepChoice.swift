import CKernels

extension FusedNetwork {
    /// The pass that chooses: a step for each operation, in their order, and in it the algorithm. A convolution's sums get as many bands as
    /// the algorithm has.
    mutating func chooseSteps(kernels: Kernels, onlyGemm: Bool) -> [any Step] {
        var steps: [any Step] = []
        for operation in operations { steps.append(chooseStep(operation, kernels: kernels, onlyGemm: onlyGemm)) }
        return steps
    }

    private mutating func chooseStep(_ operation: FusedOperation, kernels: Kernels, onlyGemm: Bool) -> any Step {
        let (name, from, to) = (operation.name, self[operation.input], self[operation.output].shape)
        let (input, output) = (operation.input, operation.output)
        switch operation.kind {
        case .conversion:
            return ConversionStep(name: name, shape: to, input: input, output: output)
        case .convolution(let fused):
            let shape = excite_convolution(fused.convolution, from: from, to: to)
            let step = ConvolutionStep(
                name: name, fused: fused, shape: shape, choice: AlgorithmChoice(shape, kernels: kernels, onlyGemm: onlyGemm), input: input,
                output: output)
            if let sums = fused.sums { setBands(step.bands, of: sums) }
            return step
        case .pooling(let pooling):
            return PoolingStep(name: name, shape: excite_pooling(pooling, from: from.shape, to: to), input: input, output: output)
        case .blurPooling(let blurring):
            return BlurPoolingStep(name: name, shape: excite_blurring(blurring, from: from.shape, to: to), input: input, output: output)
        case .channelSums:
            return ChannelSumsStep(name: name, shape: from.shape, takesMaximum: false, input: input, output: output)
        case .channelMaxima:
            return ChannelSumsStep(name: name, shape: from.shape, takesMaximum: true, input: input, output: output)
        case .mean(let pixels):
            return MeanStep(name: name, channels: to.channels, mean: Mean(bands: from.bands, pixels: pixels), input: input, output: output)
        case .linear(let tensors, let pixels, let activation):
            let mean = pixels.map { Mean(bands: from.bands, pixels: $0) }
            return LinearStep(name: name, layer: tensors, mean: mean, activation: activation, input: input, output: output)
        case .scale(let gate, let shortcut, let activation):
            return ScaleStep(
                name: name, shape: to, gate: gate, shortcut: shortcut, activation: activation, input: input, output: output)
        case .affine(let norm, let activation):
            return AffineStep(name: name, shape: to, norm: norm, activation: activation, input: input, output: output)
        case .concatenation(let others):
            let inputs = [input] + others
            return ConcatenationStep(name: name, inputs: inputs.map { ($0, self[$0].shape.channels) }, shape: to, output: output)
        }
    }
}

extension excite_convolution {
    fileprivate init(_ convolution: Convolution, from input: Value, to output: Shape) {
        self.init(
            channels: Int32(input.shape.channels), height: Int32(input.shape.height), width: Int32(input.shape.width),
            outputs: Int32(output.channels), output_height: Int32(output.height), output_width: Int32(output.width),
            kernel_height: Int32(convolution.kernel), kernel_width: Int32(convolution.kernel), stride: Int32(convolution.stride),
            padding: Int32(convolution.padding), groups: Int32(convolution.groups), planar_input: input.layout == .planar)
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
