import CKernels

/// One pass over an image, every address resolved. Split into items that any thread may compute in any order.
protocol Step: Sendable {
    /// The name of the first operation in it.
    var name: String { get }
    /// What it does, for people: the kind, the output's shape, the algorithm.
    var summary: StepSummary { get }
    /// Parts of one image's work; a function of the shape alone, so that results do not depend on who computes them.
    var items: Int { get }
    /// Whether the same item of all images runs before the next item: when the weights are larger than what they are applied to, each part
    /// of them is then read from memory once a batch.
    var isWeightBound: Bool { get }
    func run(_ item: Int, in frame: Frame)
}

extension Step {
    var isWeightBound: Bool { false }
}

/// A step in a table.
public struct StepSummary: Sendable, Equatable {
    public var name: String
    /// `convolution 3×3`, `max pool`, `linear`, `scale`, …
    public var kind: String
    public var output: Shape
    public var algorithm: String
    /// Of one image.
    public var multiplyAccumulates: Int
}

/// Where a step finds its data.
struct Frame {
    /// The start of the image's part of the arena.
    let image: UnsafeMutablePointer<Float>
    let weights: UnsafePointer<Float>
    /// Of the thread that runs the step.
    let scratch: UnsafeMutablePointer<Float>
    let kernels: UnsafePointer<excite_kernels>
}

/// Offsets of a layer's packed weights and bias in the plan's weights, in floats.
struct WeightPlace: Sendable, Equatable {
    var weight: Int
    var bias: Int
}

extension excite_activation {
    init(_ activation: Activation?) {
        switch activation {
        case nil: self = excite_activation_none
        case .relu: self = excite_activation_relu
        case .sigmoid: self = excite_activation_sigmoid
        case .tanh: self = excite_activation_tanh
        case .silu: self = excite_activation_silu
        }
    }
}

extension Shape {
    /// Blocks of 16 channels.
    var blocks: Int { channels.dividedRoundingUp(by: Self.block) }
    /// Floats in the blocked layout.
    var blockedCount: Int { blocks * pixels * Self.block }

    static let block = Int(excite_block)
}
