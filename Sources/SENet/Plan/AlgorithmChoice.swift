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
        case .direct, .grouped: split(shape, unit: 1)
        case .winograd2: split(shape, unit: 2)
        case .winograd4: split(shape, unit: 4)
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

    /// Bands of rows whose input stays in the second-level cache, a multiple of `unit` rows each; and so many groups of blocks that a few
    /// threads can share one image.
    private mutating func split(_ shape: excite_convolution, unit: Int) {
        let height = Int(shape.output_height)
        let rowCount = Int(shape.channels) * Int(shape.stride) * Int(shape.width)
        let fitting = max(unit, Self.cacheFloats / rowCount / unit * unit)
        let units = height.dividedRoundingUp(by: unit)
        // Equal bands, as far as the units allow.
        let bands = units.dividedRoundingUp(by: max(1, fitting / unit))
        rows = min(height, units.dividedRoundingUp(by: bands) * unit)
        let groups = Self.items.dividedRoundingUp(by: height.dividedRoundingUp(by: rows))
        blocks = max(min(blocks, Self.fewestBlocks), blocks.dividedRoundingUp(by: groups))
    }

    /// A band's input: 192 KiB, less than half of the second-level caches of today's CPUs.
    private static let cacheFloats = 48 << 10
    /// At least this many items an image, where the channels allow.
    private static let items = 8
    /// Fewer blocks an item would repeat the work on the input too often.
    private static let fewestBlocks = 4
}
