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
    let pixels: Int
    /// What was summed; nil for numbers.
    let summed: LinearCode?
    /// Whether it is computed without contraction, with factors that lie among the weights.
    let isExact: Bool

    /// Writes the mean of each channel, `channels` rounded up to whole blocks.
    func take(_ sums: UnsafePointer<Float>, channels: Int, to means: UnsafeMutablePointer<Float>, _ frame: Frame, factors: Int) {
        let count = channels.roundedUp(toMultipleOf: Shape.block)
        if isExact {
            frame.kernels.pointee.scaled_sums(
                sums, Int32(bands), frame.floatWeights(factors), frame.floatWeights(factors + count), Int32(count), means)
        } else {
            frame.kernels.pointee.mean(sums, Int32(bands), Int32(count), 1 / Float(pixels), Int32(count), means)
        }
    }

    /// Of the factors and shifts.
    func factorCount(channels: Int) -> Int { isExact ? 2 * channels.roundedUp(toMultipleOf: Shape.block) : 0 }

    /// Writes the factors, then the shifts: scale / pixels, and -scale * zero.
    func packFactors(channels: Int, to factors: UnsafeMutablePointer<Float>) {
        guard isExact else { return }
        let encoding = summed.map { Encoding.uint8($0) } ?? .float32
        let count = channels.roundedUp(toMultipleOf: Shape.block)
        for channel in 0..<channels {
            factors[channel] = encoding.scale(of: channel) / Float(pixels)
            factors[count + channel] = -encoding.scale(of: channel) * encoding.zero(of: channel)
        }
    }
}

/// The mean of each channel as a value of its own, where more than a linear layer reads it.
struct MeanStep: WeightedStep {
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
        mean.take(frame.floats(input), channels: channels, to: frame.floats(output), frame, factors: 0)
    }

    var tensors: [Parameter] { [] }
    var weightBytes: Int { mean.factorCount(channels: channels) * MemoryLayout<Float>.stride }

    func pack(from checkpoint: Checkpoint, to weights: UnsafeMutableRawPointer) {
        mean.packFactors(channels: channels, to: weights.assumingMemoryBound(to: Float.self))
    }
}
