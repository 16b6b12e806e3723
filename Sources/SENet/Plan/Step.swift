import CKernels

/// One pass over an image. Split into items that any thread may compute in any order. It knows which values it reads and makes, and a frame
/// knows where they lie.
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
    /// Of scratch that one item needs.
    var scratchBytes: Int { get }
    func run(_ item: Int, in frame: Frame)
}

extension Step {
    var isWeightBound: Bool { false }
    var scratchBytes: Int { 0 }
}

/// A step with weights: it says how much memory they take and packs them itself.
protocol WeightedStep: Step {
    /// What it takes from the checkpoint.
    var tensors: [Parameter] { get }
    /// Of the packed weights.
    var weightBytes: Int { get }
    /// Folds the tensors and packs them into `weightBytes` bytes of zeros at `weights`, in the order in which `run` reads them.
    func pack(from checkpoint: Checkpoint, to weights: UnsafeMutableRawPointer) throws(ModelError)
}

/// A step in a table.
public struct StepSummary: Sendable, Equatable {
    public var name: String
    /// `convolution 3×3`, `max pool`, `linear`, `scale`, …
    public var kind: String
    public var output: Shape
    public var algorithm: String
    /// What it computes in.
    public var precision = Precision.float32
    /// Of one image.
    public var multiplyAccumulates: Int
}

/// Where a step finds its data.
struct Frame {
    /// The start of the image's part of the arena.
    let image: UnsafeMutableRawPointer
    /// Of each value in it, in bytes.
    let offsets: UnsafeBufferPointer<Int>
    /// The step's own.
    let weights: UnsafeRawPointer
    /// Of the thread that runs the step.
    let scratch: UnsafeMutableRawPointer
    let kernels: UnsafePointer<excite_kernels>

    func bytes(_ value: ValueID) -> UnsafeMutableRawPointer { image + offsets[value.index] }

    func floats(_ value: ValueID) -> UnsafeMutablePointer<Float> { bytes(value).assumingMemoryBound(to: Float.self) }

    /// The step's weights from element `offset`.
    func floatWeights(_ offset: Int = 0) -> UnsafePointer<Float> { weights.assumingMemoryBound(to: Float.self) + offset }

    var floatScratch: UnsafeMutablePointer<Float> { scratch.assumingMemoryBound(to: Float.self) }
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
