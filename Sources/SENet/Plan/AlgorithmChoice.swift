import CKernels

/// Which algorithm computes a convolution, and in which parts. A function of the shape and the instruction set alone, never of a timing: the
/// same machine always gives the same bits.
struct AlgorithmChoice {
    var algorithm: ConvolutionAlgorithm
    var rows: Int
    var blocks: Int

    init(_ shape: excite_convolution, kernels: UnsafePointer<excite_kernels>, onlyGemm: Bool) {
        let (height, width) = (Int(shape.output_height), Int(shape.output_width))
        let candidates: [ConvolutionAlgorithm] = onlyGemm ? [] : Self.candidates(shape)
        algorithm = candidates.first { $0.kernel(kernels) != nil } ?? .gemm
        let allBlocks = Int(shape.outputs).dividedRoundingUp(by: Shape.block)
        // About 128 pixels an item keep the matrices in the cache; at least four items let a few threads share one image.
        rows = min(max(1, 128 / width), height.dividedRoundingUp(by: 4))
        blocks = allBlocks
    }

    /// The algorithms made for the shape, best first.
    private static func candidates(_ shape: excite_convolution) -> [ConvolutionAlgorithm] { [] }
}
