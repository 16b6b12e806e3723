import CKernels

/// Which algorithm computes a convolution, and in which parts. A function of the shape and the instruction set alone, never of a timing: the
/// same machine always gives the same bits.
struct AlgorithmChoice {
    var algorithm: ConvolutionAlgorithm
    /// Output rows of an item.
    var rows: Int
    /// Blocks of 16 output channels of an item.
    var blocks: Int

    init(_ shape: excite_convolution, kernels: UnsafePointer<excite_kernels>, onlyGemm: Bool) {
        let preferred = onlyGemm ? .gemm : Self.preferred(shape)
        algorithm = preferred.kernel(kernels) == nil ? .gemm : preferred
        rows = Int(shape.output_height)
        blocks = Int(shape.outputs).dividedRoundingUp(by: Shape.block)
        switch algorithm {
        case .gemm:
            // About 128 pixels keep the matrices in the cache; at least four items let a few threads share one image.
            rows = min(max(1, 128 / Int(shape.output_width)), rows.dividedRoundingUp(by: 4))
        case .direct, .grouped: splitDirect(shape)
        case .winograd2: splitWinograd(shape, tile: 2)
        case .winograd4: splitWinograd(shape, tile: 4)
        }
    }

    private static func preferred(_ shape: excite_convolution) -> ConvolutionAlgorithm {
        let isThree = shape.kernel_height == 3 && shape.kernel_width == 3
        if shape.groups > 1 {
            let (inputs, outputs) = (shape.channels / shape.groups, shape.outputs / shape.groups)
            if isThree, shape.stride <= 2, inputs == outputs, inputs == 4 || inputs == 8 { return .grouped }
            return inputs % 16 == 0 && outputs % 16 == 0 ? .direct : .gemm
        }
        if shape.planar_input { return shape.channels <= 4 ? .direct : .gemm }
        guard isThree, shape.stride == 1, shape.padding == 1 else { return .direct }
        // Winograd's weights are 4 times (4 x 4) or 16/9 times (2 x 2) as large: where the image is small they cost more than they save.
        switch min(shape.output_height, shape.output_width) {
        case 20...: return .winograd4
        case 10...: return .winograd2
        default: return .direct
        }
    }

    /// About eight items an image, so that a few threads can share it evenly.
    private static let items = 8

    /// Where the weights are larger than the input, all rows and some blocks, so that each weight is read once; else all blocks and some
    /// rows, whose input stays in the second-level cache.
    private mutating func splitDirect(_ shape: excite_convolution) {
        let depth = Int(shape.channels / shape.groups)
        let weights = Int(shape.outputs) * depth * Int(shape.kernel_height * shape.kernel_width)
        if weights > Int(shape.channels * shape.height * shape.width) {
            // With fewer than four blocks an item, copying the input's border shows.
            blocks = max(min(blocks, 4), blocks.dividedRoundingUp(by: 2 * Self.items))
            return
        }
        // A 1 x 1 reads only the pixels it needs.
        let rowFloats =
            shape.kernel_height == 1 ? Int(shape.channels * shape.output_width) : Int(shape.channels * shape.width * shape.stride)
        let fitting = (64 << 10) / rowFloats
        // A band of fewer than 28 pixels would spend its time on reading weights.
        let least = 28.dividedRoundingUp(by: Int(shape.output_width))
        let most = min(rows, max(least, min(fitting, rows.dividedRoundingUp(by: Self.items))))
        rows = stride(from: most, to: most / 2, by: -1).first { rows % $0 == 0 } ?? most
    }

    /// Bands of at least 14 tiles, which share each read of the weights; few groups of blocks, because each transforms the input anew.
    private mutating func splitWinograd(_ shape: excite_convolution, tile: Int) {
        let (down, across) = (rows.dividedRoundingUp(by: tile), Int(shape.output_width).dividedRoundingUp(by: tile))
        let bands = max(1, min(down, down * across / 14))
        rows = min(rows, down.dividedRoundingUp(by: bands) * tile)
        if bands < Self.items { blocks = blocks.dividedRoundingUp(by: 2) }
    }
}
