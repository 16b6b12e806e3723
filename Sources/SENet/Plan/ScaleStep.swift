import CKernels

/// activation(input * gate + shortcut), one factor a channel.
struct ScaleStep: WeightedStep {
    let name: String
    let shape: Shape
    /// The factors; nil for ones, which then lie among the weights.
    let gate: ValueID?
    let shortcut: ValueID?
    let activation: Activation?
    let input: ValueID
    let output: ValueID

    private var parts: ImageParts { ImageParts(shape) }
    var items: Int { parts.items }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: ["scale", shortcut.map { _ in "add" }, activation?.rawValue].compactMap { $0 }.joined(separator: ", "),
            output: shape, algorithm: "", multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        var span = parts.span(of: item)
        let factors = if let gate { UnsafePointer(frame.floats(gate)) } else { frame.floatWeights() }
        frame.kernels.pointee.scale(
            frame.floats(input), factors, shortcut.map { UnsafePointer(frame.floats($0)) }, excite_activation(activation),
            Int32(shape.pixels), &span, frame.floats(output))
    }

    var tensors: [Parameter] { [] }

    var weightBytes: Int { gate == nil ? shape.vector.blockedCount * MemoryLayout<Float>.stride : 0 }

    func pack(from checkpoint: Checkpoint, to weights: UnsafeMutableRawPointer) {
        weights.assumingMemoryBound(to: Float.self).update(repeating: 1, count: weightBytes / MemoryLayout<Float>.stride)
    }
}
