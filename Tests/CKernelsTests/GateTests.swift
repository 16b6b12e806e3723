import CKernels
import Testing

@Suite("The parts of a Squeeze-and-Excitation block")
struct GateTests {
    @Test("pixels are summed as the reference sums them", arguments: Kernels.all, [1, 2, 3, 4, 5, 7, 49, 196, 3136])
    func sumPixels(kernels: Kernels, pixels: Int) {
        var generator = Xorshift(seed: UInt64(pixels))
        let input = Floats(random: 3 * pixels * 16, &generator)
        let expected = Floats(count: 48)
        let sums = Floats(count: 48)
        excite_reference_sum_pixels(input.pointer, Int32(pixels), 3, expected.pointer)
        kernels.table.sum_pixels(input.pointer, Int32(pixels), 3, sums.pointer)
        #expect(sums.distance(to: expected) <= 2e-6 * Float(pixels).squareRoot() + 1e-6)
        #expect(sums.isIntact)
    }

    @Test("sums of bands become means", arguments: Kernels.all, [1, 2, 7])
    func mean(kernels: Kernels, bands: Int) {
        var generator = Xorshift(seed: UInt64(bands))
        let sums = Floats(random: bands * 64, &generator)
        let expected = Floats(count: 48)
        let means = Floats(count: 48)
        excite_reference_mean(sums.pointer, Int32(bands), 64, 0.25, 48, expected.pointer)
        kernels.table.mean(sums.pointer, Int32(bands), 64, 0.25, 48, means.pointer)
        #expect(means.distance(to: expected) <= 1e-6)
        #expect(means.isIntact)
    }

    @Test(
        "a linear layer equals the reference, whichever blocks are computed together", arguments: Kernels.all,
        [(16, 256), (8, 3), (1000, 64), (17, 5), (33, 130), (1, 1)])
    func linear(kernels: Kernels, shape: (outputs: Int, channels: Int)) {
        for activation in allActivations {
            var generator = Xorshift(seed: UInt64(shape.outputs))
            let input = Floats(random: shape.channels, &generator)
            let weights = Floats(random: shape.outputs * shape.channels, &generator)
            let bias = randomPerChannel(shape.outputs, &generator)
            let expected = Floats(count: shape.outputs)
            excite_reference_linear(
                Int32(shape.outputs), Int32(shape.channels), input.pointer, weights.pointer, bias.pointer, activation, expected.pointer)

            let count = blocks(shape.outputs)
            let packed = Floats(count: count * shape.channels * 16)
            excite_pack_linear(excite_float32, Int32(shape.outputs), Int32(shape.channels), weights.pointer, packed.pointer)
            let whole = Floats(count: count * 16)
            kernels.table.linear(
                input.pointer, Int32(shape.channels), packed.pointer, bias.pointer, activation, 0, Int32(count), whole.pointer)
            let apart = Floats(count: count * 16)
            for block in 0..<Int32(count) {
                kernels.table.linear(
                    input.pointer, Int32(shape.channels), packed.pointer, bias.pointer, activation, block, 1, apart.pointer)
            }

            let tolerance = 1e-6 * Float(shape.channels).squareRoot() + 1e-6
            #expect(Floats(Array(whole.values.prefix(shape.outputs))).distance(to: expected) <= tolerance)
            #expect(whole.values.dropFirst(shape.outputs).allSatisfy { $0 == (activation == excite_activation_sigmoid ? 0.5 : 0) })
            #expect(whole.bits == apart.bits)
            #expect(packed.isIntact && whole.isIntact && apart.isIntact)
        }
    }

    @Test("scaling equals the reference, in any split and in place", arguments: Kernels.all, [1, 2, 5, 49])
    func scale(kernels: Kernels, pixels: Int) {
        var generator = Xorshift(seed: UInt64(pixels))
        let gate = Floats(random: 32, &generator)
        let shortcut = Floats(random: 32 * pixels, &generator)
        for activation in [excite_activation_none, excite_activation_relu] {
            for residual in [nil, shortcut.pointer] {
                let input = Floats(random: 32 * pixels, &generator)
                let expected = Floats(count: 32 * pixels)
                let output = Floats(count: 32 * pixels)
                excite_reference_scale(input.pointer, gate.pointer, residual, activation, Int32(pixels), 2, expected.pointer)
                for var span in excite_span.parts(pixels: pixels, blocks: 2) {
                    kernels.table.scale(input.pointer, gate.pointer, residual, activation, Int32(pixels), &span, output.pointer)
                }
                var whole = excite_span(pixels: pixels, blocks: 2)
                kernels.table.scale(input.pointer, gate.pointer, residual, activation, Int32(pixels), &whole, input.pointer)
                #expect(output.distance(to: expected) <= 2e-7)
                #expect(output.bits == input.bits)
                #expect(output.isIntact && input.isIntact)
            }
        }
    }
}
