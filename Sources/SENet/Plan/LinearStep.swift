import CKernels

/// A fully connected layer, on a vector or on the mean of an image's channels.
struct LinearStep: WeightedStep {
    let name: String
    let layer: LinearTensors
    /// Set if the input is sums, whose mean is the vector.
    let mean: Mean?
    /// Whether its weights are held in bfloat16: read once an image, they are what it waits for. Each product and its sum
    /// are then rounded once on every instruction set.
    let holdsBFloat16: Bool
    let activation: Activation?
    let input: ValueID
    let output: ValueID

    var inputs: Int { layer.weight.shape[1] }
    private var outputs: Shape { Shape(channels: layer.weight.shape[0], height: 1, width: 1) }

    /// Blocks of 16 outputs an item: enough items for a few threads, few enough that taking the mean in each does not count.
    private var blocks: Int { outputs.blocks.dividedRoundingUp(by: 8) }
    var items: Int { outputs.blocks.dividedRoundingUp(by: blocks) }
    var isWeightBound: Bool { true }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: mean == nil ? "linear" : "mean, linear", output: outputs, algorithm: "",
            multiplyAccumulates: inputs * outputs.channels)
    }

    var scratchBytes: Int { mean == nil ? 0 : inputs.roundedUp(toMultipleOf: Shape.block) * MemoryLayout<Float>.stride }

    /// What the layer is applied to: its input or, in the frame's scratch, the mean of it.
    func vector(in frame: Frame) -> UnsafePointer<Float> {
        let input = frame.floats(input)
        guard let mean else { return UnsafePointer(input) }
        mean.take(input, channels: inputs, to: frame.floatScratch, frame, factors: packedFloats + outputs.blockedCount)
        return UnsafePointer(frame.floatScratch)
    }

    func run(_ item: Int, in frame: Frame) {
        let vector = vector(in: frame)
        let block = item * blocks
        let kernels = frame.kernels.pointee
        let (weights, bias) = (frame.weights, frame.floatWeights(packedFloats))
        let (first, count) = (Int32(block), Int32(min(blocks, outputs.blocks - block)))
        let (inputs, activation) = (Int32(inputs), excite_activation(activation))
        if holdsBFloat16 {
            kernels.exact_linear(vector, inputs, weights, bias, activation, first, count, frame.floats(output))
        } else {
            kernels.linear(vector, inputs, weights, bias, activation, first, count, frame.floats(output))
        }
    }

    /// The weights of one output, one an input, as `run` reads them, and its bias.
    func numbers(of output: Int, in frame: Frame) -> (weights: [Float], bias: Float) {
        let weights = (0..<inputs).map { input in
            let at = (output / Shape.block * inputs + input) * Shape.block + output % Shape.block
            return holdsBFloat16
                ? Float(bitPattern: UInt32(frame.weights.assumingMemoryBound(to: UInt16.self)[at]) << 16) : frame.floatWeights()[at]
        }
        return (weights, frame.floatWeights(packedFloats)[output])
    }

    var tensors: [Parameter] { layer.all }

    /// What the packed weights take, in floats and whole cache lines.
    private var packedFloats: Int { (outputs.blockedCount * inputs / (holdsBFloat16 ? 2 : 1)).roundedUp(toMultipleOf: Shape.block) }

    /// The weight, the bias in whole blocks, then the mean's factors.
    var weightBytes: Int {
        (packedFloats + outputs.blockedCount + (mean?.factorCount(channels: inputs) ?? 0)) * MemoryLayout<Float>.stride
    }

    func pack(from checkpoint: Checkpoint, to weights: UnsafeMutableRawPointer) throws(ModelError) {
        var weight = try checkpoint.floats(layer.weight)
        if holdsBFloat16 { weight.roundToBFloat16(rows: outputs.channels) }
        excite_pack_linear(
            holdsBFloat16 ? excite_bfloat16 : excite_float32, Int32(outputs.channels), Int32(inputs), weight, weights)
        let numbers = weights.assumingMemoryBound(to: Float.self) + packedFloats
        let bias = try checkpoint.floats(layer.bias)
        numbers.update(from: bias, count: bias.count)
        mean?.packFactors(channels: inputs, to: numbers + outputs.blockedCount)
    }
}
