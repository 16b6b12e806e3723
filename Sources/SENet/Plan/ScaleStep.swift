import CKernels

/// activation(input * gate + shortcut), one factor a channel.
struct ScaleStep: Step {
    /// The factors: a value of the image, or ones among the weights.
    enum Gate: Sendable {
        case value(Int)
        case ones(Int)
    }

    var name: String
    var shape: Shape
    var input: Int
    var gate: Gate
    var shortcut: Int?
    var activation: Activation?
    var output: Int

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
        let factors =
            switch gate {
            case .value(let offset): UnsafePointer(frame.image + offset)
            case .ones(let offset): frame.weights + offset
            }
        frame.kernels.pointee.scale(
            frame.image + input + start, factors + block * Shape.block, shortcut.map { UnsafePointer(frame.image + $0 + start) },
            excite_activation(activation), Int32(shape.pixels), Int32(min(blocks, shape.blocks - block)), frame.image + output + start)
    }
}
