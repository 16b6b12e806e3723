import CKernels

/// Max or average pooling.
struct PoolingStep: Step {
    var name: String
    var shape: excite_pooling
    var input: Int
    var output: Int

    private var outputShape: Shape {
        Shape(channels: Int(shape.channels), height: Int(shape.output_height), width: Int(shape.output_width))
    }
    /// A block of 16 channels each.
    var items: Int { outputShape.blocks }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: "\(shape.average ? "average" : "max") pool \(shape.kernel)×\(shape.kernel)", output: outputShape,
            algorithm: "", multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        var shape = shape
        var tile = excite_tile(row: 0, rows: shape.output_height, block: Int32(item), blocks: 1)
        frame.kernels.pointee.pool(&shape, &tile, frame.image + input, frame.image + output)
    }
}

/// Sums over the pixels of each channel, (1, C), where no convolution delivered them.
struct ChannelSumsStep: Step {
    var name: String
    var shape: Shape
    var input: Int
    var output: Int

    /// Blocks of 16 channels an item.
    private static let blocks = 8
    var items: Int { shape.blocks.dividedRoundingUp(by: Self.blocks) }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: "channel sums", output: Shape(channels: shape.channels, height: 1, width: 1), algorithm: "",
            multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        let block = item * Self.blocks
        frame.kernels.pointee.sum_pixels(
            frame.image + input + block * shape.pixels * Shape.block, Int32(shape.pixels), Int32(min(Self.blocks, shape.blocks - block)),
            frame.image + output + block * Shape.block)
    }
}
