import CKernels

/// A network made ready for one input size on one instruction set: fused steps, the algorithm of each, packed weights, and every value's
/// place in memory. Immutable; any number of sessions run it at the same time.
public final class Plan: Sendable {
    public let networkName: String
    public let precision: Precision
    /// (channels, height, width) of one image.
    public let inputShape: Shape
    public let classes: Int
    /// As `Kernels.name` has it.
    public var instructionSet: String { kernels.name }

    /// The gates of the squeeze-and-excitation blocks, in order.
    public let gates: [GatePlace]

    /// How many features an image has: what the classifier, a linear layer, reads, which is the pooled image where the network ends in global
    /// pooling and a linear layer. Nil where it does not end in a linear layer.
    public var featureCount: Int? { classifier?.inputs }

    /// The last step, where it is the layer that makes the output: what it reads is still there when the session has run.
    let classifier: LinearStep?

    /// Whether there are class maps: whether the network ends in global average pooling and a linear layer.
    public var hasClassMaps: Bool { classifiedImage != nil }

    /// What the classifier reads the means of; it is still there when the session has run, too. Nil where the network does not end so.
    let classifiedImage: (id: ValueID, value: Value)?

    /// The images that steps make, in order.
    let images: [ImagePlace]

    let kernels: Kernels
    let steps: [any Step]
    /// From here on a convolution's weights are larger than the image that it makes.
    let firstWeightBoundStep: Int
    let weights: PackedWeights
    /// Where one image's values lie.
    let memory: MemoryPlan
    let input: ValueID
    let output: ValueID
    /// Of scratch that a thread needs.
    let scratchBytes: Int
    let origin: Origin

    /// All that a plan is made of: of two that are made of the same, one will do.
    struct Origin: Sendable, Equatable {
        let weights: InputFile.Identity?
        let network: Network
        let height: Int
        let width: Int
        let precision: Precision
        /// Without its report.
        let quantization: Quantization?
        let instructionSet: String
        let onlyGemm: Bool
    }

    /// Fuses, encodes, chooses, places, and folds and packs.
    ///
    /// - Parameters:
    ///   - precision: int8 needs a quantisation, whose weights the checkpoint has; the others have the network's own.
    ///   - height, width: the input's size in pixels.
    ///   - threads: how many threads pack the weights.
    ///   - onlyGemm: computes every convolution by im2col and OpenBLAS, which is what the kernels are held against.
    /// - Throws: `ModelError` if the network, its weights and the size do not fit each other, or memory cannot be had.
    convenience init(
        network: Network, checkpoint: Checkpoint, height: Int, width: Int, kernels: Kernels, precision: Precision = .float32,
        quantization: Quantization? = nil, threads: Int = 1, onlyGemm: Bool = false
    ) throws(ModelError) {
        let origin = Origin(
            weights: checkpoint.identity, network: network, height: height, width: width, precision: precision,
            quantization: quantization?.withoutReport, instructionSet: kernels.name, onlyGemm: onlyGemm)
        try self.init(origin, checkpoint, kernels, threads: threads)
    }

    init(_ origin: Origin, _ checkpoint: Checkpoint, _ kernels: Kernels, threads: Int) throws(ModelError) {
        let (network, precision) = (origin.network, origin.precision)
        try kernels.require(precision)
        var fused = try Lowering.lower(
            Fusion.fuse(network.resolved(height: origin.height, width: origin.width)), to: precision, origin.quantization)
        let steps = StepChoice(kernels: kernels, onlyGemm: origin.onlyGemm, precision: precision).steps(of: &fused)
        memory = try MemoryPlan(fused)
        weights = try PackedWeights(steps, of: precision == .int8 ? nil : network, from: checkpoint, threads: threads)
        networkName = network.name
        self.origin = origin
        self.precision = precision
        self.kernels = kernels
        self.steps = steps
        firstWeightBoundStep =
            steps.firstIndex { ($0 is ConvolutionStep || $0 is DotConvolutionStep) && $0.isWeightBound } ?? steps.count
        (input, output) = (fused.input, fused.output)
        (inputShape, classes) = (fused[fused.input].shape, fused[fused.output].shape.channels)
        gates = fused.gates
        classifier = (steps.last as? LinearStep).flatMap { [output = fused.output] in $0.output == output ? $0 : nil }
        classifiedImage = fused.classifiedImage.map { [fused] in ($0, fused[$0]) }
        images = fused.imageValues.map { value in
            ImagePlace(step: fused.operations.firstIndex { $0.output == value } ?? 0, value: value, description: fused[value])
        }
        scratchBytes = steps.reduce(0) { max($0, $1.scratchBytes) }.roundedUp(toMultipleOf: MemoryPlan.alignment)
    }

    /// The steps, in order.
    public var summaries: [StepSummary] { steps.map(\.summary) }
    /// Bytes of packed weights.
    public var weightBytes: Int { weights.memory.byteCount }
    /// Bytes of a session's arena.
    public func arenaBytes(threads: Int, largestBatch: Int) -> Int { threads * scratchBytes + largestBatch * memory.byteCount }
}

/// Where a block's gate is while a session runs: the factors that its channels are scaled with.
public struct GatePlace: Sendable, Equatable {
    /// The value's name: `layer1.0.se`.
    public let name: String
    public let channels: Int
    /// The step that computes it.
    let step: Int
    /// The step after it still reads it.
    let value: ValueID
}

/// Where an image is once its step is done.
struct ImagePlace: Sendable {
    let step: Int
    let value: ValueID
    let description: Value

    var name: String { description.name }
    var shape: Shape { description.shape }
}

extension FusedNetwork {
    /// Every value that something is scaled with, in the order in which they are computed.
    fileprivate var gates: [GatePlace] {
        let factors = Set(operations.compactMap { if case .scale(let gate, _, _) = $0.kind { gate } else { nil } })
        return operations.enumerated().compactMap { index, operation in
            guard factors.contains(operation.output) else { return nil }
            let value = self[operation.output]
            return GatePlace(name: value.name, channels: value.shape.channels, step: index, value: operation.output)
        }
    }
}
