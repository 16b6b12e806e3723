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
    func kernel(_ kernels: UnsafePointer<excite_kernels>) -> excite_convolution_algorithm? {
        let algorithm: excite_convolution_algorithm
        switch self {
        case .direct: algorithm = kernels.pointee.direct
        case .grouped: algorithm = kernels.pointee.grouped
        case .winograd2: algorithm = kernels.pointee.winograd2
        case .winograd4: algorithm = kernels.pointee.winograd4
        case .gemm: return nil
        }
        return algorithm.run == nil ? nil : algorithm
    }
}

/// A convolution with bias, and what is fused into it: shortcut, ReLU, the sums that a gate wants.
struct ConvolutionStep: Step {
    var name: String
    var shape: excite_convolution
    var algorithm: ConvolutionAlgorithm
    /// An item is this many output rows and blocks of 16 output channels.
    var rows: Int
    var blocks: Int
    var input: Int
    var output: Int
    var residual: Int?
    /// (bands, O) sums over each band's pixels.
    var sums: Int?
    var activation: Activation?
    var place: WeightPlace

    var outputShape: Shape {
        Shape(channels: Int(shape.outputs), height: Int(shape.output_height), width: Int(shape.output_width))
    }
    var bands: Int { outputShape.height.dividedRoundingUp(by: rows) }
    private var blockGroups: Int { outputShape.blocks.dividedRoundingUp(by: blocks) }
    var items: Int { bands * blockGroups }

    /// Floats of weights, against floats of input and output of one image.
    var isWeightBound: Bool {
        let inputCount = Int(shape.channels * shape.height * shape.width)
        return Int(shape.outputs) * taps > inputCount + outputShape.count
    }

    /// Products that are summed to one output element.
    private var taps: Int { Int(shape.channels / shape.groups * shape.kernel_height * shape.kernel_width) }

    var summary: StepSummary {
        let groups = shape.groups > 1 ? ", \(shape.groups) groups" : ""
        let stride = shape.stride > 1 ? ", stride \(shape.stride)" : ""
        return StepSummary(
            name: name, kind: "convolution \(shape.kernel_height)×\(shape.kernel_width)\(stride)\(groups)", output: outputShape,
            algorithm: algorithm.rawValue, multiplyAccumulates: outputShape.count * taps)
    }

    func run(_ item: Int, in frame: Frame) {
        let (band, group) = (item % bands, item / bands)
        var tile = excite_tile(
            row: Int32(band * rows), rows: Int32(min(rows, outputShape.height - band * rows)),
            block: Int32(group * blocks), blocks: Int32(min(blocks, outputShape.blocks - group * blocks)))
        var epilogue = excite_epilogue(
            bias: frame.weights + place.bias,
            residual: residual.map { UnsafePointer(frame.image + $0) },
            sums: sums.map { frame.image + $0 + band * outputShape.blocks * Shape.block },
            activation: excite_activation(activation))
        var shape = shape
        if let run = algorithm.kernel(frame.kernels)?.run {
            run(&shape, &tile, frame.image + input, frame.weights + place.weight, &epilogue, frame.image + output, frame.scratch)
        } else {
            multiply(&shape, tile, &epilogue, frame)
        }
    }

    /// Floats of scratch that one item needs.
    func scratchCount(_ kernels: UnsafePointer<excite_kernels>) -> Int {
        var shape = shape
        if let count = algorithm.kernel(kernels)?.scratch_count { return count(&shape, Int32(rows)) }
        return (taps + Int(shape.outputs / shape.groups)) * rows * outputShape.width
    }

    /// The general path: each group's part of the input as a matrix, times its weights.
    private func multiply(_ shape: inout excite_convolution, _ tile: excite_tile, _ epilogue: inout excite_epilogue, _ frame: Frame) {
        let pixels = Int32(outputShape.width) * tile.rows
        let outputs = shape.outputs / shape.groups
        let columns = frame.scratch
        let products = frame.scratch + taps * Int(pixels)
        for group in 0..<shape.groups {
            excite_im2col(&shape, group, tile.row, tile.rows, frame.image + input, columns)
            let weights = frame.weights + place.weight + Int(group * outputs) * taps
            cblas_sgemm(
                CblasRowMajor, CblasNoTrans, CblasNoTrans, outputs, pixels, Int32(taps), 1, weights, Int32(taps), columns, pixels, 0,
                products, pixels)
            excite_store_products(&shape, group, tile.row, tile.rows, products, &epilogue, frame.image + output)
        }
    }
}

extension ConvolutionStep {
    /// Floats that the packed weights take.
    func packedCount(_ kernels: UnsafePointer<excite_kernels>) -> Int {
        var shape = shape
        if let count = algorithm.kernel(kernels)?.packed_count { return count(&shape) }
        return Int(shape.outputs) * taps
    }

    /// Writes `weight` (O, C/G, R, S) and `bias` (O) to their places.
    func pack(weight: [Float], bias: [Float], to weights: UnsafeMutablePointer<Float>, _ kernels: UnsafePointer<excite_kernels>) {
        var shape = shape
        if let pack = algorithm.kernel(kernels)?.pack {
            pack(&shape, 0, Int32(outputShape.blocks), weight, weights + place.weight)
        } else {
            (weights + place.weight).update(from: weight, count: weight.count)
        }
        (weights + place.bias).update(from: bias, count: bias.count)
    }
}
