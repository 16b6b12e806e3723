import CKernels
import COpenBLAS

/// How a convolution is computed.
enum ConvolutionAlgorithm: String, Sendable {
    case direct
    case grouped
    case winograd2 = "winograd 2×2"
    case winograd4 = "winograd 4×4"
    /// im2col and OpenBLAS: any convolution, and what the others are held against.
    case gemm

    /// The kernels of it; nil for `gemm`, and where the instruction set does not have it.
    func kernel(_ kernels: Kernels) -> excite_convolution_algorithm? {
        let table = kernels.table.pointee
        let algorithm: excite_convolution_algorithm
        switch self {
        case .direct: algorithm = table.direct
        case .grouped: algorithm = table.grouped
        case .winograd2: algorithm = table.winograd2
        case .winograd4: algorithm = table.winograd4
        case .gemm: return nil
        }
        return algorithm.run == nil ? nil : algorithm
    }
}

/// A convolution with bias, and what is fused into it: batch norm, shortcut, ReLU, the sums that a gate wants.
struct ConvolutionStep: WeightedStep {
    let name: String
    let fused: FusedConvolution
    let geometry: ConvolutionGeometry
    let input: ValueID
    let output: ValueID

    var items: Int { geometry.items }
    var isWeightBound: Bool { geometry.isWeightBound }
    private var shape: excite_convolution { geometry.shape }
    private var outputShape: Shape { geometry.outputShape }
    private var taps: Int { geometry.taps }
    private var choice: AlgorithmChoice { geometry.choice }

    var summary: StepSummary { geometry.summary(name, algorithm: choice.algorithm.rawValue, precision: .float32) }

    func run(_ item: Int, in frame: Frame) {
        var tile = geometry.tile(of: item)
        var epilogue = excite_epilogue(
            bias: frame.floatWeights(packedCount),
            residual: fused.residual.map { UnsafePointer(frame.floats($0)) },
            sums: fused.sums.map { frame.floats($0) + geometry.band(of: item) * outputShape.blocks * Shape.block },
            activation: excite_activation(fused.activation))
        var shape = shape
        if let kernel = choice.kernel {
            kernel.run(
                &shape, &tile, frame.floats(input), frame.floatWeights(), &epilogue, frame.floats(output), frame.floatScratch)
        } else {
            multiply(&shape, tile, &epilogue, frame)
        }
    }

    var scratchBytes: Int {
        var shape = shape
        let gemm = (taps + Int(shape.outputs / shape.groups)) * choice.rows * outputShape.width
        return (choice.kernel?.scratch_count(&shape, Int32(choice.rows)) ?? gemm) * MemoryLayout<Float>.stride
    }

    /// The general path: each group's part of the input as a matrix, times its weights.
    private func multiply(_ shape: inout excite_convolution, _ tile: excite_tile, _ epilogue: inout excite_epilogue, _ frame: Frame) {
        let pixels = Int32(outputShape.width) * tile.rows
        let outputs = shape.outputs / shape.groups
        let columns = frame.floatScratch
        let products = columns + taps * Int(pixels)
        for group in 0..<shape.groups {
            excite_im2col(&shape, group, tile.row, tile.rows, frame.floats(input), columns)
            let weights = frame.floatWeights(Int(group * outputs) * taps)
            cblas_sgemm(
                CblasRowMajor, CblasNoTrans, CblasNoTrans, outputs, pixels, Int32(taps), 1, weights, Int32(taps), columns, pixels, 0,
                products, pixels)
            excite_store_products(&shape, group, tile.row, tile.rows, products, &epilogue, frame.floats(output))
        }
    }
}

extension ConvolutionStep {
    var tensors: [Parameter] { fused.tensors.all + (fused.norm?.all ?? []) }

    /// Floats of the packed weights, in whole blocks: the bias follows.
    private var packedCount: Int {
        var shape = shape
        let count = choice.kernel?.packed_count(&shape) ?? Int(shape.outputs) * taps
        return count.roundedUp(toMultipleOf: Shape.block)
    }

    /// The weight, then the bias in whole blocks.
    var weightBytes: Int { (packedCount + outputShape.vector.blockedCount) * MemoryLayout<Float>.stride }

    func pack(from checkpoint: Checkpoint, to weights: UnsafeMutableRawPointer) throws(ModelError) {
        let packed = weights.assumingMemoryBound(to: Float.self)
        let (weight, bias) = try checkpoint.folded(fused.tensors, norm: fused.norm)
        var shape = shape
        if let kernel = choice.kernel {
            kernel.pack(&shape, 0, Int32(outputShape.blocks), weight, packed)
        } else {
            packed.update(from: weight, count: weight.count)
        }
        (packed + packedCount).update(from: bias, count: bias.count)
    }
}
