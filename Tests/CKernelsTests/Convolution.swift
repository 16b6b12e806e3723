import CKernels
import Testing

/// A convolution with random input, weights and epilogue, and what the reference makes of it.
final class ConvolutionCase {
    var convolution: excite_convolution
    let input: Floats
    let weights: Floats
    let bias: Floats
    let residual: Floats
    private(set) var expected: Floats
    private(set) var expectedSums: Floats

    var outputBlocks: Int { blocks(Int(convolution.outputs)) }
    var outputCount: Int { outputBlocks * Int(convolution.output_height * convolution.output_width) * 16 }

    /// Values are in [-1, 1), so a partial sum of k terms is about sqrt(k) / 3, and n roundings of such sums add up to about
    /// n * 2^-25 / 3; the bound is twelve times that.
    var tolerance: Float {
        let terms = convolution.channels / convolution.groups * convolution.kernel_height * convolution.kernel_width
        return 1.2e-7 * Float(terms) + 2e-6
    }

    init(_ shape: ConvolutionShape, residual hasResidual: Bool = false, relu: Bool = false) {
        convolution = shape.convolution
        let c = convolution
        var generator = Xorshift(seed: UInt64(c.channels * 31 + c.outputs * 7 + c.height))
        input =
            c.planar_input
            ? Floats(random: Int(c.channels * c.height * c.width), &generator)
            : randomActivation(channels: Int(c.channels), pixels: Int(c.height * c.width), &generator)
        weights = Floats(random: Int(c.outputs * (c.channels / c.groups) * c.kernel_height * c.kernel_width), &generator)
        bias = randomPerChannel(Int(c.outputs), &generator)
        residual = randomActivation(channels: Int(c.outputs), pixels: Int(c.output_height * c.output_width), &generator)
        self.hasResidual = hasResidual
        self.relu = relu
        expected = Floats(count: residual.count)
        expectedSums = Floats(count: bias.count)
        var epilogue = self.epilogue(sums: expectedSums.pointer)
        excite_reference_convolution(&convolution, input.pointer, weights.pointer, &epilogue, expected.pointer)
    }

    private let hasResidual: Bool
    private let relu: Bool

    func epilogue(sums: UnsafeMutablePointer<Float>?) -> excite_epilogue {
        excite_epilogue(
            bias: bias.pointer, residual: hasResidual ? UnsafePointer(residual.pointer) : nil, sums: sums,
            activation: relu ? excite_activation_relu : excite_activation_none)
    }
}

/// A convolution's numbers; the output's size follows.
struct ConvolutionShape: CustomTestStringConvertible, Sendable {
    var channels: Int32, outputs: Int32, height: Int32, width: Int32
    var kernel: Int32 = 1, stride: Int32 = 1, padding: Int32 = 0, groups: Int32 = 1
    var planar = false

    var convolution: excite_convolution {
        excite_convolution(
            channels: channels, height: height, width: width, outputs: outputs,
            output_height: (height + 2 * padding - kernel) / stride + 1, output_width: (width + 2 * padding - kernel) / stride + 1,
            kernel_height: kernel, kernel_width: kernel, stride: stride, padding: padding, groups: groups, planar_input: planar)
    }

    var testDescription: String {
        "\(channels)x\(height)x\(width) to \(outputs), \(kernel)/\(stride) + \(padding), \(groups) groups\(planar ? ", planar" : "")"
    }
}
