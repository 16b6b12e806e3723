import CKernels

/// A network made ready for one input size on one instruction set: fused steps, the algorithm of each, packed weights, and every value's
/// place in memory. Immutable; any number of sessions run it at the same time.
public final class Plan: Sendable {
    public let networkName: String
    /// (channels, height, width) of one image.
    public let inputShape: Shape
    public let classes: Int
    /// `avx512`, `avx2` or `portable`.
    public var instructionSet: String { kernels.name }

    /// The gates of the squeeze-and-excitation blocks, in order.
    public let gates: [GatePlace]

    let kernels: Kernels
    let steps: [any Step]
    /// From here on a convolution's weights are larger than the image that it makes.
    let firstWeightBoundStep: Int
    let weights: AlignedMemory
    /// Floats that one image's values take.
    let imageCount: Int
    /// Floats of scratch a thread needs.
    let scratchCount: Int
    let inputOffset: Int
    let outputOffset: Int

    /// Folds, fuses, chooses, places and packs.
    ///
    /// - Parameters:
    ///   - height, width: the input's size in pixels.
    ///   - threads: how many threads pack the weights.
    ///   - onlyGemm: computes every convolution by im2col and OpenBLAS, which is what the kernels are held against.
    /// - Throws: `ModelError` if the network, its weights and the size do not fit each other, or memory cannot be had.
    convenience init(
        network: Network, checkpoint: Checkpoint, height: Int, width: Int, kernels: Kernels, threads: Int = 1, onlyGemm: Bool = false
    ) throws(ModelError) {
        try network.validate(height: height, width: width)
        let shapes = try network.shapes(height: height, width: width)
        var builder = try PlanBuilder(fused: Fusion.fuse(network), shapes: shapes, kernels: kernels, onlyGemm: onlyGemm)
        try builder.addSteps(output: network.output)
        let weights = try builder.pack(network: network, checkpoint: checkpoint, threads: threads)
        self.init(
            network: network, builder: builder, weights: weights,
            inputShape: Shape(channels: network.inputChannels, height: height, width: width))
    }

    private init(network: Network, builder: PlanBuilder, weights: AlignedMemory, inputShape: Shape) {
        networkName = network.name
        self.inputShape = inputShape
        self.weights = weights
        kernels = builder.kernels
        steps = builder.steps
        firstWeightBoundStep = builder.steps.firstIndex { $0 is ConvolutionStep && $0.isWeightBound } ?? builder.steps.count
        gates = builder.gates
        imageCount = builder.memory.count
        scratchCount = builder.scratchCount
        inputOffset = builder.memory.offsets[Network.input] ?? 0
        outputOffset = builder.memory.offsets[network.output] ?? 0
        classes = builder.shapes[network.output]?.count ?? 0
    }

    /// The steps, in order.
    public var summaries: [StepSummary] { steps.map(\.summary) }
    /// Bytes of packed weights.
    public var weightBytes: Int { weights.count * MemoryLayout<Float>.stride }
    /// Bytes of a session's arena.
    public func arenaBytes(threads: Int, largestBatch: Int) -> Int {
        arenaCount(threads: threads, largestBatch: largestBatch) * MemoryLayout<Float>.stride
    }

    func arenaCount(threads: Int, largestBatch: Int) -> Int { threads * scratchCount + largestBatch * imageCount }
}

/// Where a block's gate is while a session runs: the factors that its channels are scaled with.
public struct GatePlace: Sendable, Equatable {
    /// The value's name: `layer1.0.se`.
    public let name: String
    public let channels: Int
    /// The step that computes it.
    let step: Int
    /// In an image's part of the arena. The next step still reads it there.
    let offset: Int
}
