import CKernels

/// Sums over the pixels of each channel, (1, C), where no convolution delivered them.
struct ChannelSumsStep: Step {
    var name: String
    var shape: Shape
    var input: Int
    var output: Int
    /// The largest of each channel instead of the sum.
    var takesMaximum = false

    /// Blocks of 16 channels an item.
    private static let blocks = 8
    var items: Int { shape.blocks.dividedRoundingUp(by: Self.blocks) }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: takesMaximum ? "global max pool" : "channel sums",
            output: Shape(channels: shape.channels, height: 1, width: 1), algorithm: "", multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        let block = item * Self.blocks
        let kernel = takesMaximum ? frame.kernels.pointee.max_pixels : frame.kernels.pointee.sum_pixels
        kernel?(
            frame.image + input + block * shape.pixels * Shape.block, Int32(shape.pixels), Int32(min(Self.blocks, shape.blocks - block)),
            frame.image + output + block * Shape.block)
    }
}

/// The mean of each channel as a value of its own, from the (bands, C) sums, where more than a linear layer reads it.
struct MeanStep: Step {
    var name: String
    var channels: Int
    var bands: Int
    /// 1 / pixels.
    var scale: Float
    var input: Int
    var output: Int

    var items: Int { 1 }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: "mean", output: Shape(channels: channels, height: 1, width: 1), algorithm: "", multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        let count = Int32(channels.roundedUp(toMultipleOf: Shape.block))
        frame.kernels.pointee.mean(frame.image + input, Int32(bands), count, scale, count, frame.image + output)
    }
}
