import CKernels

/// activation(input * factor + shift), both one number a channel: a batch norm or an activation that no convolution takes in.
struct AffineStep: WeightedStep {
    let name: String
    let shape: Shape
    /// Nil for an activation alone.
    let norm: NormTensors?
    let activation: Activation?
    let input: ValueID
    let output: ValueID

    private var parts: ImageParts { ImageParts(shape) }
    var items: Int { parts.items }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: Self.kind(norm, activation), output: shape, algorithm: "", multiplyAccumulates: 0)
    }

    static func kind(_ norm: NormTensors?, _ activation: Activation?) -> String {
        [norm.map { _ in "batch norm" }, activation?.rawValue].compactMap { $0 }.joined(separator: ", ")
    }

    func run(_ item: Int, in frame: Frame) {
        var span = parts.span(of: item)
        frame.kernels.pointee.affine(
            frame.floats(input), norm.map { _ in frame.floatWeights() }, norm.map { _ in frame.floatWeights(shape.vector.blockedCount) },
            excite_activation(activation), Int32(shape.channels), Int32(shape.pixels), &span, frame.floats(output))
    }

    var tensors: [Parameter] { norm?.all ?? [] }

    /// The factors, then the shifts, each in whole blocks.
    var weightBytes: Int { norm == nil ? 0 : 2 * shape.vector.blockedCount * MemoryLayout<Float>.stride }

    func pack(from checkpoint: Checkpoint, to weights: UnsafeMutableRawPointer) throws(ModelError) {
        guard let norm else { return }
        let (factor, shift) = try checkpoint.affine(norm)
        let factors = weights.assumingMemoryBound(to: Float.self)
        for channel in factor.indices {
            factors[channel] = Float(factor[channel])
            factors[shape.vector.blockedCount + channel] = Float(shift[channel])
        }
    }
}
