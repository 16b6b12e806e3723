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

    /// Blocks of 16 channels an item: at least 4,096 floats, so that taking a ticket costs little.
    private var blocks: Int { max(1, 4096 / (shape.pixels * Shape.block)) }
    var items: Int { shape.blocks.dividedRoundingUp(by: blocks) }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: ["scale", shortcut.map { _ in "add" }, activation?.rawValue].compactMap { $0 }.joined(separator: ", "),
            output: shape, algorithm: "", multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        let block = item * blocks
        let start = block * shape.pixels * Shape.block
        let factors = if let gate { UnsafePointer(frame.floats(gate)) } else { frame.floatWeights() }
        frame.kernels.pointee.scale(
            frame.floats(input) + start, factors + block * Shape.block, shortcut.map { UnsafePointer(frame.floats($0) + start) },
            excite_activation(activation), Int32(shape.pixels), Int32(min(blocks, shape.blocks - block)), frame.floats(output) + start)
    }

    var tensors: [Parameter] { [] }

    var weightBytes: Int { gate == nil ? shape.vector.blockedCount * MemoryLayout<Float>.stride : 0 }

    func pack(from checkpoint: Checkpoint, to weights: UnsafeMutableRawPointer) {
        weights.assumingMemoryBound(to: Float.self).update(repeating: 1, count: weightBytes / MemoryLayout<Float>.stride)
    }
}
