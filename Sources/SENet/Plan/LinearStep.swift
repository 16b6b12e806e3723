import CKernels

/// A fully connected layer, on a vector or on the mean of an image's channels.
struct LinearStep: Step {
    var name: String
    var linear: Linear
    /// Set if the input is (bands, inputs) sums, whose total times `scale` is the vector.
    var mean: (bands: Int, scale: Float)?
    var input: Int
    var output: Int
    var activation: Activation?
    var place: WeightPlace

    /// Blocks of 16 outputs an item: enough items for a few threads, few enough that taking the mean in each does not count.
    private var blocks: Int { outputShape.blocks.dividedRoundingUp(by: 8) }
    private var outputShape: Shape { Shape(channels: linear.outputs, height: 1, width: 1) }
    var items: Int { outputShape.blocks.dividedRoundingUp(by: blocks) }
    var isWeightBound: Bool { true }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: mean == nil ? "linear" : "mean, linear", output: outputShape, algorithm: "",
            multiplyAccumulates: linear.inputs * linear.outputs)
    }

    /// Floats of scratch that one item needs.
    var scratchCount: Int { mean == nil ? 0 : linear.inputs.roundedUp(toMultipleOf: Shape.block) }
    /// Floats that the packed weights take.
    var packedCount: Int { outputShape.blocks * Shape.block * linear.inputs }

    func run(_ item: Int, in frame: Frame) {
        var vector = frame.image + input
        if let mean {
            let channels = Int32(linear.inputs.roundedUp(toMultipleOf: Shape.block))
            frame.kernels.pointee.mean(vector, Int32(mean.bands), channels, mean.scale, channels, frame.scratch)
            vector = frame.scratch
        }
        let block = item * blocks
        frame.kernels.pointee.linear(
            vector, Int32(linear.inputs), frame.weights + place.weight, frame.weights + place.bias, excite_activation(activation),
            Int32(block), Int32(min(blocks, outputShape.blocks - block)), frame.image + output)
    }

    /// Writes `weight` (outputs, inputs) and `bias` (outputs) to their places.
    func pack(weight: [Float], bias: [Float], to weights: UnsafeMutablePointer<Float>) {
        excite_pack_linear(Int32(linear.outputs), Int32(linear.inputs), weight, weights + place.weight)
        (weights + place.bias).update(from: bias, count: bias.count)
    }
}
