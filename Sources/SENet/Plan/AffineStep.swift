import CKernels

/// activation(input * factor + shift), both one number a channel: a batch norm or an activation that no convolution takes in.
struct AffineStep: Step {
    var name: String
    var shape: Shape
    var input: Int
    var output: Int
    /// The factors as the weight and the shifts as the bias; nil for an activation alone.
    var place: WeightPlace?
    var activation: Activation?

    /// Blocks of 16 channels an item: at least 4,096 floats, so that taking a ticket costs little.
    private var blocks: Int { max(1, 4096 / (shape.pixels * Shape.block)) }
    var items: Int { shape.blocks.dividedRoundingUp(by: blocks) }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: [place.map { _ in "batch norm" }, activation?.rawValue].compactMap { $0 }.joined(separator: ", "),
            output: shape, algorithm: "", multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        let block = item * blocks
        frame.kernels.pointee.affine(
            frame.image + input, place.map { frame.weights + $0.weight }, place.map { frame.weights + $0.bias },
            excite_activation(activation), Int32(shape.channels), Int32(shape.pixels), Int32(block),
            Int32(min(blocks, shape.blocks - block)), frame.image + output)
    }

    /// Writes `factor` and `shift` (channels) to their places.
    func pack(factor: [Double], shift: [Double], to weights: UnsafeMutablePointer<Float>) {
        guard let place else { return }
        for channel in 0..<shape.channels {
            weights[place.weight + channel] = Float(factor[channel])
            weights[place.bias + channel] = Float(shift[channel])
        }
    }
}
