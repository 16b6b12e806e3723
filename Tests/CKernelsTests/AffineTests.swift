import CKernels
import Testing

@Suite("Factor, shift and activation")
struct AffineTests {
    @Test(
        "equal the reference, in any split and in place, and leave the padding zero", arguments: Kernels.all,
        [(16, 1), (64, 49), (17, 5), (5, 30), (40, 2)])
    func equalsReference(kernels: Kernels, shape: (channels: Int, pixels: Int)) {
        let (channels, pixels) = (Int32(shape.channels), Int32(shape.pixels))
        for activation in allActivations {
            for isScaled in [false, true] {
                var generator = Xorshift(seed: UInt64(shape.channels))
                let input = randomActivation(channels: shape.channels, pixels: shape.pixels, &generator)
                let factor = isScaled ? randomPerChannel(shape.channels, &generator) : nil
                let shift = isScaled ? randomPerChannel(shape.channels, &generator) : nil
                let expected = Floats(count: input.count)
                excite_reference_affine(
                    input.pointer, factor?.pointer, shift?.pointer, activation, channels, pixels, expected.pointer)

                let output = Floats(count: input.count)
                for var span in excite_span.parts(pixels: shape.pixels, blocks: blocks(shape.channels)) {
                    kernels.table.affine(
                        input.pointer, factor?.pointer, shift?.pointer, activation, channels, pixels, &span, output.pointer)
                }
                #expect(output.distance(to: expected) <= 2.5e-7)
                #expect(output.isIntact)
                let padding = randomActivation(channels: shape.channels, pixels: shape.pixels, &generator)
                padding.pointer.update(from: output.pointer, count: output.count)
                clearPadding(padding, channels: shape.channels, pixels: shape.pixels)
                #expect(padding.bits == output.bits)

                var whole = excite_span(pixels: shape.pixels, blocks: blocks(shape.channels))
                kernels.table.affine(
                    input.pointer, factor?.pointer, shift?.pointer, activation, channels, pixels, &whole, input.pointer)
                #expect(input.bits == output.bits)
                #expect(input.isIntact)
            }
        }
    }

    @Test("are right to the last digits from the smallest number to the largest", arguments: Kernels.all, allActivations.dropFirst(2))
    func range(kernels: Kernels, activation: excite_activation) {
        let sizes: [Float] = (-30...9).flatMap { exponent in
            (0..<16).map { Float(sign: .plus, exponent: exponent, significand: 1 + Float($0) / 16) }
        }
        let input = Floats(sizes + sizes.map { -$0 } + [Float](repeating: 0, count: 16))
        let pixels = Int32(input.count / 16)
        let expected = Floats(count: input.count)
        let output = Floats(count: input.count)
        excite_reference_affine(input.pointer, nil, nil, activation, 16, pixels, expected.pointer)
        var whole = excite_span(pixels: Int(pixels), blocks: 1)
        kernels.table.affine(input.pointer, nil, nil, activation, 16, pixels, &whole, output.pointer)
        for i in 0..<input.count {
            // Where a sigmoid is below the smallest normal number, what is left is below it too.
            let allowed = 6e-7 * abs(expected.pointer[i]) + (activation == excite_activation_silu ? 1e-35 : 1.2e-38)
            #expect(abs(output.pointer[i] - expected.pointer[i]) <= allowed, "of \(input.pointer[i])")
        }
    }

    @Test("do not hide a NaN", arguments: Kernels.all, allActivations)
    func nanIsSeen(kernels: Kernels, activation: excite_activation) {
        let input = Floats(count: 16, filledWith: 1)
        input.pointer[3] = .nan
        let output = Floats(count: 16)
        var whole = excite_span(pixels: 1, blocks: 1)
        kernels.table.affine(input.pointer, nil, nil, activation, 16, 1, &whole, output.pointer)
        #expect(output.pointer[3].isNaN && !output.pointer[4].isNaN)
    }
}
