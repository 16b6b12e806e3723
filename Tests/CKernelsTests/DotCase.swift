import CKernels
import Testing

/// What a convolution in few bits is given, and what it does with a sum.
struct DotVariant {
    var residual = false
    var low: Float = -.infinity
    var floatOutput = false
    var values = Values.random

    enum Values { case random, largest, smallest, alternating }
}

/// A convolution over uint8 or bfloat16, and what the reference makes of it.
final class DotCase {
    var convolution: excite_convolution
    let element: excite_element
    let border: UInt32
    let expected: Elements
    let expectedSums: Floats
    let weights: UnsafeRawPointer

    private let variant: DotVariant
    private let input: Elements
    private let codes: Elements
    private let numbers: Floats
    private let multiplier, bias, residualMultiplier: Floats
    private let residual: Elements

    var outputBlocks: Int { blocks(Int(convolution.outputs)) }
    var outputElement: excite_element { variant.floatOutput ? excite_float32 : element }

    /// Of bfloat16's sums in float32: as ConvolutionCase's, and twice that, because `vdpbf16ps` rounds within a pair, too.
    var tolerance: Float {
        let terms = convolution.channels / convolution.groups * convolution.kernel_height * convolution.kernel_width
        return 2.4e-7 * Float(terms) + 4e-6
    }

    init(_ element: excite_element, _ shape: ConvolutionShape, _ variant: DotVariant) {
        self.element = element
        self.variant = variant
        convolution = shape.convolution
        let c = convolution
        var generator = Xorshift(seed: UInt64(c.channels * 31 + c.outputs * 7 + c.height))
        let outputs = Int(c.outputs)
        let pixels = Int(c.height * c.width)
        let outputPixels = Int(c.output_height * c.output_width)
        let terms = Int(c.channels / c.groups * c.kernel_height * c.kernel_width)
        border = element == excite_uint8 ? 0x8005_FF33 : 0x3F40_BF80  // bytes 51, 255, 5, 128, or -1 and 0.75

        input = Elements(random: element, count: (c.planar_input ? 4 : blocks(Int(c.channels)) * 16) * pixels, &generator)
        codes = Elements(random: excite_uint8, count: outputs * terms, &generator)  // read as int8
        switch variant.values {
        case .random: break
        case .largest: for i in 0..<codes.count { codes[i] = 127 }
        case .smallest: for i in 0..<codes.count { codes[i] = 128 }
        case .alternating: for i in 0..<codes.count { codes[i] = i % 2 == 0 ? 127 : 128 }
        }
        numbers = Floats(random: outputs * terms, &generator)
        if variant.values != .random { for i in 0..<input.count { input[i] = element == excite_uint8 ? 255 : 1 } }

        // Most of the codes then lie within 0...255, and some do not; and products in float32 are rounded.
        multiplier = randomPerChannel(outputs, &generator)
        let scale: Float = variant.values == .random ? 1 / (64 * 128 * Float(terms).squareRoot()) : 1 / (255 * 128 * Float(terms))
        for o in 0..<outputs { multiplier.pointer[o] = 128 * scale * (1.5 + multiplier.pointer[o]) }
        bias = randomPerChannel(outputs, &generator)
        residualMultiplier = randomPerChannel(outputs, &generator)
        residual = Elements(random: element, count: blocks(outputs) * 16 * outputPixels, &generator)
        if element == excite_uint8 { for o in 0..<outputs { bias.pointer[o] = 100 + 90 * bias.pointer[o] } }
        for channel in outputs..<blocks(outputs) * 16 {
            for pixel in 0..<outputPixels { residual[(channel / 16 * outputPixels + pixel) * 16 + channel % 16] = 0 }
        }
        weights = element == excite_uint8 ? UnsafeRawPointer(codes.pointer) : UnsafeRawPointer(numbers.pointer)

        expected = Elements(variant.floatOutput ? excite_float32 : element, count: residual.count)
        expectedSums = Floats(count: bias.count)
        var epilogue = self.epilogue(sums: expectedSums.pointer)
        excite_reference_dot(element, &convolution, border, input.pointer, weights, &epilogue, expected.pointer)
    }

    private func epilogue(sums: UnsafeMutablePointer<Float>?) -> excite_dot_epilogue {
        let multiplies = element == excite_uint8
        return excite_dot_epilogue(
            multiplier: multiplies ? UnsafePointer(multiplier.pointer) : nil, bias: bias.pointer,
            residual: variant.residual ? UnsafeRawPointer(residual.pointer) : nil,
            residual_multiplier: multiplies && variant.residual ? UnsafePointer(residualMultiplier.pointer) : nil, sums: sums,
            low: variant.low, element: outputElement)
    }

    func packed(for kernels: excite_dot_kernels) -> Elements {
        let count = kernels.packed_bytes(&convolution)
        let packed = Elements(excite_uint8, count: count, filledWith: 0xFF)
        for block in (0..<Int32(outputBlocks)).reversed() { kernels.pack(&convolution, block, 1, weights, packed.pointer) }
        let together = Elements(excite_uint8, count: count, filledWith: 0)
        kernels.pack(&convolution, 0, Int32(outputBlocks), weights, together.pointer)
        #expect(packed.isIntact && together.isIntact)
        #expect(packed.bytes == together.bytes)
        return packed
    }

    /// Computes one tile and returns its sums.
    @discardableResult
    func run(_ kernels: excite_dot_kernels, _ packed: Elements, tile: excite_tile, _ output: Elements, hasSums: Bool = true) -> Floats {
        // A scratch of exactly the size asked for, without a zero in it: nothing may be read before it is written.
        let scratch = Elements(excite_uint8, count: kernels.scratch_bytes(&convolution, tile.rows))
        let sums = Floats(count: outputBlocks * 16)
        var tile = tile
        var epilogue = self.epilogue(sums: hasSums ? sums.pointer : nil)
        kernels.run(&convolution, &tile, border, input.pointer, packed.pointer, &epilogue, output.pointer, scratch.pointer)
        #expect(scratch.isIntact && output.isIntact && sums.isIntact)
        return sums
    }

    /// The whole image in tiles of `rows` rows and `blocks` blocks, and the sums of every tile.
    func run(_ kernels: excite_dot_kernels, _ packed: Elements, rows: Int32, blocks: Int32) -> (output: Elements, sums: [[UInt32]]) {
        let output = Elements(outputElement, count: expected.count)
        var bands: [[UInt32]] = []
        for row in stride(from: 0, to: convolution.output_height, by: Int(rows)) {
            var band: [UInt32] = []
            for block in stride(from: 0, to: Int32(outputBlocks), by: Int(blocks)) {
                let tile = excite_tile(
                    row: row, rows: min(rows, convolution.output_height - row), block: block,
                    blocks: min(blocks, Int32(outputBlocks) - block))
                let sums = run(kernels, packed, tile: tile, output)
                band += sums.bits[Int(block) * 16..<Int(block + tile.blocks) * 16]
            }
            bands.append(band)
        }
        return (output, bands)
    }

    func runWithoutSums(_ kernels: excite_dot_kernels, _ packed: Elements) -> Elements {
        let output = Elements(outputElement, count: expected.count)
        let tile = excite_tile(row: 0, rows: convolution.output_height, block: 0, blocks: Int32(outputBlocks))
        run(kernels, packed, tile: tile, output, hasSums: false)
        return output
    }
}
