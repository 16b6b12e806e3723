import CKernels

/// Sums over the pixels of each channel, (1, C), where no convolution delivered them.
struct ChannelSumsStep: Step {
    let name: String
    /// Of the input.
    let shape: Shape
    /// The largest of each channel instead of the sum.
    let takesMaximum: Bool
    let input: ValueID
    let output: ValueID

    /// Blocks of 16 channels an item.
    private static let blocks = 8
    var items: Int { shape.blocks.dividedRoundingUp(by: Self.blocks) }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: takesMaximum ? "global max pool" : "channel sums", output: shape.vector, algorithm: "",
            multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        let block = item * Self.blocks
        let (pixels, blocks) = (Int32(shape.pixels), Int32(min(Self.blocks, shape.blocks - block)))
        let (from, to) = (frame.floats(input) + block * shape.pixels * Shape.block, frame.floats(output) + block * Shape.block)
        if takesMaximum {
            frame.kernels.pointee.max_pixels(from, pixels, blocks, to)
        } else {
            frame.kernels.pointee.sum_pixels(from, pixels, blocks, to)
        }
    }
}

/// What makes a mean of (bands, C) sums.
struct Mean: Sendable, Equatable {
    let bands: Int
    /// 1 / pixels.
    let scale: Float

    init(bands: Int, pixels: Int) {
        self.bands = bands
        scale = 1 / Float(pixels)
    }

    /// Writes the mean of each channel, `channels` rounded up to whole blocks.
    func take(_ sums: UnsafePointer<Float>, channels: Int, to means: UnsafeMutablePointer<Float>, _ kernels: UnsafePointer<excite_kernels>)
    {
        let count = Int32(channels.roundedUp(toMultipleOf: Shape.block))
        kernels.pointee.mean(sums, Int32(bands), count, scale, count, means)
    }
}

/// The mean of each channel as a value of its own, where more than a linear layer reads it.
struct MeanStep: Step {
    let name: String
    let channels: Int
    let mean: Mean
    let input: ValueID
    let output: ValueID

    var items: Int { 1 }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: "mean", output: Shape(channels: channels, height: 1, width: 1), algorithm: "", multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        mean.take(frame.floats(input), channels: channels, to: frame.floats(output), frame.kernels)
    }
}
