import CKernels

/// Which algorithm computes a convolution, and in which parts. A function of the shape and the instruction set alone, never of a timing: the
/// same machine always gives the same bits.
struct AlgorithmChoice: Sendable {
    let algorithm: ConvolutionAlgorithm
    /// Nil for the general path.
    let kernel: excite_convolution_algorithm?
    /// Output rows of an item.
    private(set) var rows: Int
    /// Blocks of 16 output channels of an item.
    private(set) var blocks: Int

    init(_ shape: excite_convolution, kernels: Kernels, onlyGemm: Bool) {
        let preferred = onlyGemm ? .gemm : Self.preferred(shape)
        kernel = preferred.kernel(kernels)
        algorithm = kernel == nil ? .gemm : preferred
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

    /// Of a convolution over elements of fewer bytes than a float: a function of the shape and the size of an element alone, so that the order
    /// of the sums is the same on every instruction set.
    init(encoded shape: excite_convolution, elementBytes: Int) {
        algorithm = .direct
        kernel = nil
        rows = Int(shape.output_height)
        blocks = Int(shape.outputs).dividedRoundingUp(by: Shape.block)
        splitDirect(shape, elementBytes: elementBytes)
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
        case 12...: return .winograd4
        case 6...: return .winograd2
        default: return .direct
        }
    }

    /// Where the weights are larger than the input, as many rows as fit and the blocks in groups; else all blocks and few rows. Either gives
    /// about a dozen items an image, so that a few threads can share it evenly.
    private mutating func splitDirect(_ shape: excite_convolution, elementBytes: Int = 4) {
        let (height, width, depth) = (rows, Int(shape.output_width), Int(shape.channels / shape.groups))
        let weights = Int(shape.outputs) * depth * Int(shape.kernel_height * shape.kernel_width)
        let isWeightBound = weights > Int(shape.channels * shape.height * shape.width)
        // The input of a band, of which a 1 x 1 takes only the pixels it needs, stays in the second-level cache: 256 KiB.
        let rowFloats = Int(shape.channels) * (shape.kernel_height == 1 ? width : Int(shape.width * shape.stride))
        let fitting = (256 << 10) / (elementBytes * rowFloats)
        // A band of fewer than 28 pixels would spend its time on reading weights.
        let least = 28.dividedRoundingUp(by: width)
        let most = min(height, max(least, min(fitting, isWeightBound ? height : height / 12)))
        rows = height * width <= 64 ? height : Swift.stride(from: most, to: most / 2, by: -1).first { height % $0 == 0 } ?? most
        guard isWeightBound else { return }
        // Every group copies the border, or gathers the strided pixels, anew.
        let isCopied = shape.padding > 0 || shape.stride > 1
        let groups = (isCopied ? 4 : 8).dividedRoundingUp(by: height.dividedRoundingUp(by: rows))
        blocks = max(min(blocks, 4), blocks.dividedRoundingUp(by: groups))
    }

    /// Bands of at least 14 tiles, which share each read of the weights; few groups of blocks, because each transforms the input anew.
    private mutating func splitWinograd(_ shape: excite_convolution, tile: Int) {
        let (down, across) = (rows.dividedRoundingUp(by: tile), Int(shape.output_width).dividedRoundingUp(by: tile))
        let bands = max(1, min(down, down * across / 14))
        rows = min(rows, down.dividedRoundingUp(by: bands) * tile)
        if bands < 8 { blocks = blocks.dividedRoundingUp(by: 2) }
    }
}
