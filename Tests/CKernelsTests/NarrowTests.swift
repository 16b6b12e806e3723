import CKernels
import Testing

/// What is not a convolution, over elements of any kind: every table must give the reference's bits, and so the same ones.
///
/// A structure of C holds addresses only: the buffers behind it live until a test's `withExtendedLifetime`.
@Suite("Kernels over elements")
struct NarrowTests {
    static let elements = [excite_float32, excite_bfloat16, excite_uint8]
    static let poolings =
        PoolTests.shapes + [
            PoolTests.Shape(channels: 16, height: 9, width: 9, kernel: 5, stride: 3, padding: 2),
            PoolTests.Shape(channels: 33, height: 7, width: 7, kernel: 7, stride: 1, padding: 0),
        ]

    @Test("every pair of elements maps as the reference, through every activation", arguments: Kernels.all)
    func map(kernels: Kernels) {
        var generator = Xorshift(seed: 3)
        for (from, to, activation) in Self.elements.flatMap({ from in
            Self.elements.flatMap { to in allActivations.map { (from, to, $0) } }
        }) {
            let pixels = 37
            let input = Elements(random: from, count: 3 * pixels * 16, &generator)
            let (factor, shift) = (randomPerChannel(48, &generator), randomPerChannel(48, &generator))
            let (toFactor, toShift) = (randomPerChannel(48, &generator), randomPerChannel(48, &generator))
            for i in 0..<48 {
                if from == excite_uint8 { (factor.pointer[i], shift.pointer[i]) = (0.05 * factor.pointer[i], 3 * shift.pointer[i]) }
                if to == excite_uint8 { (toFactor.pointer[i], toShift.pointer[i]) = (80 * toFactor.pointer[i], 128 + toShift.pointer[i]) }
            }
            var mapping = excite_mapping(
                from: from, to: to, factor: factor.pointer, shift: shift.pointer, to_factor: toFactor.pointer, to_shift: toShift.pointer,
                activation: activation)
            let expected = Elements(to, count: input.count)
            excite_reference_map(&mapping, Int32(pixels), 3, input.pointer, expected.pointer)
            let output = Elements(to, count: input.count)
            for var span in excite_span.parts(pixels: pixels, blocks: 3) {
                kernels.table.map(&mapping, Int32(pixels), &span, input.pointer, output.pointer)
            }
            #expect(output.isIntact)
            if activation == excite_activation_none || activation == excite_activation_relu {
                #expect(output.bytes == expected.bytes, "\(from) to \(to)")
            } else {
                // Float32's exponential is off by a few units in the last place, which may tip a rounding.
                let tolerance: Float = to == excite_uint8 ? 1 : to == excite_bfloat16 ? 0x1p-6 : 4e-6
                #expect(distance(output.values, expected.values) <= tolerance, "\(from) to \(to), \(activation)")
            }
            let portable = Elements(to, count: input.count)
            var whole = excite_span(pixels: pixels, blocks: 3)
            Kernels.everywhere.last!.table.map(&mapping, Int32(pixels), &whole, input.pointer, portable.pointer)
            #expect(output.bytes == portable.bytes, "\(from) to \(to), \(activation)")
            withExtendedLifetime((factor, shift, toFactor, toShift)) {}
        }
    }

    @Test("codes saturate, and halves go to the even one", arguments: Kernels.all)
    func rounding(kernels: Kernels) {
        let numbers: [Float] = [-1e30, -300, -0.5, -0.0, 0.49999997, 0.5, 1.5, 2.5, 3.5, 126.5, 253.5, 254.5, 255, 255.5, 300, 1e30]
        let codes: [Float] = [0, 0, 0, 0, 0, 0, 2, 2, 4, 126, 254, 254, 255, 255, 255, 255]
        let input = Floats(numbers)
        let (one, zero) = (Floats(count: 16, filledWith: 1), Floats(count: 16, filledWith: 0))
        var mapping = excite_mapping(
            from: excite_float32, to: excite_uint8, factor: one.pointer, shift: zero.pointer, to_factor: one.pointer,
            to_shift: zero.pointer, activation: excite_activation_none)
        let output = Elements(excite_uint8, count: 16)
        var whole = excite_span(pixels: 1, blocks: 1)
        kernels.table.map(&mapping, 1, &whole, input.pointer, output.pointer)
        #expect(output.values == codes)
        withExtendedLifetime((one, zero)) {}
    }

    @Test("gates as the reference", arguments: Kernels.all, elements)
    func gate(kernels: Kernels, element: excite_element) {
        var generator = Xorshift(seed: 5)
        let variants: [(Bool, Bool, Float)] = [(true, true, 0), (true, false, -.infinity), (false, true, -.infinity), (false, false, 3)]
        for (hasGate, hasShortcut, low) in variants {
            let pixels = 29
            let input = Elements(random: element, count: 3 * pixels * 16, &generator)
            let shortcut = Elements(random: element, count: input.count, &generator)
            let (gate, factor) = (randomPerChannel(48, &generator), randomPerChannel(48, &generator))
            let (zero, shift) = (randomPerChannel(48, &generator), randomPerChannel(48, &generator))
            let shortcutFactor = randomPerChannel(48, &generator)
            if element == excite_uint8 {
                for i in 0..<48 { (zero.pointer[i], shift.pointer[i]) = (120 + 9 * zero.pointer[i], 100 * shift.pointer[i]) }
            }
            var gating = excite_gating(
                gate: hasGate ? UnsafePointer(gate.pointer) : nil, factor: factor.pointer, zero: zero.pointer, shift: shift.pointer,
                shortcut: hasShortcut ? UnsafeRawPointer(shortcut.pointer) : nil,
                shortcut_factor: hasShortcut ? UnsafePointer(shortcutFactor.pointer) : nil, low: low)
            let expected = Elements(element, count: input.count)
            excite_reference_gate(element, &gating, Int32(pixels), 3, input.pointer, expected.pointer)
            let output = Elements(element, count: input.count)
            for var span in excite_span.parts(pixels: pixels, blocks: 3) {
                kernels.table.gate(element, &gating, Int32(pixels), &span, input.pointer, output.pointer)
            }
            #expect(output.bytes == expected.bytes && output.isIntact)
            // In place.
            var whole = excite_span(pixels: pixels, blocks: 3)
            kernels.table.gate(element, &gating, Int32(pixels), &whole, input.pointer, input.pointer)
            #expect(input.bytes == expected.bytes && input.isIntact)
            withExtendedLifetime((gate, factor, zero, shift, shortcut, shortcutFactor)) {}
        }
    }

    @Test("pools as the reference, in any split", arguments: Kernels.all, poolings)
    func pool(kernels: Kernels, shape: PoolTests.Shape) {
        for element in Self.elements {
            for (average, countsPadding) in [(false, false), (true, false), (true, true)] {
                var generator = Xorshift(seed: 7)
                var pooling = shape.pooling(average: average, countsPadding: countsPadding)
                let channels = blocks(Int(shape.channels)) * 16
                let input = Elements(random: element, count: channels * Int(shape.height * shape.width), &generator)
                let zero = randomPerChannel(channels, &generator)
                if element == excite_uint8 { for i in 0..<channels { zero.pointer[i] = (128 + 100 * zero.pointer[i]).rounded() } }
                let expected = Elements(element, count: channels * Int(pooling.output_height * pooling.output_width))
                excite_reference_pool_narrow(element, &pooling, zero.pointer, input.pointer, expected.pointer)
                let output = Elements(element, count: expected.count)
                forEachTile(channels / 16, pooling.output_height) { tile in
                    var tile = tile
                    kernels.table.pool_narrow(element, &pooling, zero.pointer, &tile, input.pointer, output.pointer)
                }
                #expect(output.bytes == expected.bytes && output.isIntact)
            }
        }
    }

    @Test("blurs as the reference, in any split", arguments: Kernels.all, elements)
    func blur(kernels: Kernels, element: excite_element) {
        for (height, width, stride, reflects) in [(8, 8, 2, true), (7, 9, 2, false), (5, 6, 1, true), (2, 2, 2, true), (1, 1, 2, false)] {
            var generator = Xorshift(seed: 9)
            var blurring = excite_blurring(
                channels: 20, height: Int32(height), width: Int32(width), output_height: Int32((height - 1) / stride + 1),
                output_width: Int32((width - 1) / stride + 1), stride: Int32(stride), reflects: reflects)
            let input = Elements(random: element, count: 32 * height * width, &generator)
            let zero = randomPerChannel(32, &generator)
            if element == excite_uint8 { for i in 0..<32 { zero.pointer[i] = (128 + 100 * zero.pointer[i]).rounded() } }
            let expected = Elements(element, count: 32 * Int(blurring.output_height * blurring.output_width))
            excite_reference_blur_narrow(element, &blurring, zero.pointer, input.pointer, expected.pointer)
            let output = Elements(element, count: expected.count)
            forEachTile(2, blurring.output_height) { tile in
                var tile = tile
                kernels.table.blur_narrow(element, &blurring, zero.pointer, &tile, input.pointer, output.pointer)
            }
            #expect(output.bytes == expected.bytes && output.isIntact)
        }
    }

    @Test("sums and maxima as the reference", arguments: Kernels.all, elements)
    func reduce(kernels: Kernels, element: excite_element) {
        for pixels in [1, 2, 3, 4, 5, 49, 3136] {
            var generator = Xorshift(seed: UInt64(pixels))
            let input = Elements(random: element, count: 3 * pixels * 16, &generator)
            for maximum in [false, true] {
                let (expected, results) = (Floats(count: 48), Floats(count: 48))
                excite_reference_reduce(element, maximum, input.pointer, Int32(pixels), 3, expected.pointer)
                kernels.table.reduce(element, maximum, input.pointer, Int32(pixels), 1, 2, results.pointer)
                kernels.table.reduce(element, maximum, input.pointer, Int32(pixels), 0, 1, results.pointer)
                #expect(results.bits == expected.bits && results.isIntact)
            }
        }
    }

    @Test("images are interleaved as the reference does", arguments: Kernels.all, 1...4)
    func interleave(kernels: Kernels, channels: Int) {
        var generator = Xorshift(seed: 11)
        for element in [excite_bfloat16, excite_uint8] {
            for pixels in [1, 2, 3, 7, 16, 17, 50] {
                let image = Floats(random: channels * pixels, &generator)
                let (factor, shift) = (Floats(random: channels, &generator), Floats(random: channels, &generator))
                if element == excite_uint8 {
                    for i in 0..<channels { (factor.pointer[i], shift.pointer[i]) = (200 * factor.pointer[i], 128 + shift.pointer[i]) }
                }
                let (expected, output) = (Elements(element, count: 4 * pixels), Elements(element, count: 4 * pixels))
                excite_reference_interleave(
                    element, factor.pointer, shift.pointer, Int32(channels), Int32(pixels), image.pointer, expected.pointer)
                kernels.table.interleave(
                    element, factor.pointer, shift.pointer, Int32(channels), Int32(pixels), image.pointer, output.pointer)
                #expect(output.bytes == expected.bytes && output.isIntact)
            }
        }
    }

    @Test("sums of bands are scaled as the reference does", arguments: Kernels.all, [1, 2, 13])
    func scaledSums(kernels: Kernels, bands: Int) {
        var generator = Xorshift(seed: 13)
        let sums = Floats(random: bands * 48, &generator)
        let (factor, shift) = (randomPerChannel(48, &generator), randomPerChannel(48, &generator))
        let (expected, results) = (Floats(count: 48), Floats(count: 48))
        excite_reference_scaled_sums(sums.pointer, Int32(bands), factor.pointer, shift.pointer, 48, expected.pointer)
        kernels.table.scaled_sums(sums.pointer, Int32(bands), factor.pointer, shift.pointer, 48, results.pointer)
        #expect(results.bits == expected.bits && results.isIntact)
    }

    @Test("a linear layer has the reference's order", arguments: Kernels.all, [1, 2, 3, 4, 5, 16, 67])
    func exactLinear(kernels: Kernels, channels: Int) {
        var generator = Xorshift(seed: 17)
        for outputs in [1, 16, 50] {
            let input = Floats(random: channels, &generator)
            // What a bfloat16 holds, packed from a little more.
            let exact = (0..<outputs * channels).map { _ in Float(bitPattern: bfloat16Bits(generator.uniform())) }
            let (weights, more) = (Floats(exact), Floats(exact.map { $0 * 1.001 }))
            let packed = Elements(excite_bfloat16, count: blocks(outputs) * channels * 16)
            excite_pack_linear(excite_bfloat16, Int32(outputs), Int32(channels), more.pointer, packed.pointer)
            let bias = randomPerChannel(outputs, &generator)
            for activation in allActivations {
                let (expected, output, portable) = (Floats(count: outputs), Floats(count: bias.count), Floats(count: bias.count))
                excite_reference_exact_linear(
                    Int32(outputs), Int32(channels), input.pointer, weights.pointer, bias.pointer, activation, expected.pointer)
                for block in Int32(0)..<Int32(blocks(outputs)) {
                    kernels.table.exact_linear(
                        input.pointer, Int32(channels), packed.pointer, bias.pointer, activation, block, 1, output.pointer)
                }
                let results = Array(output.values[..<outputs])
                if activation == excite_activation_none || activation == excite_activation_relu {
                    #expect(results.map(\.bitPattern) == expected.bits)
                } else {
                    #expect(distance(results, expected.values) <= 1e-6)
                }
                Kernels.everywhere.last!.table.exact_linear(
                    input.pointer, Int32(channels), packed.pointer, bias.pointer, activation, 0, Int32(blocks(outputs)), portable.pointer)
                #expect(output.bits == portable.bits && output.isIntact)
            }
        }
    }

    /// Tiles of two rows and one block.
    private func forEachTile(_ blocks: Int, _ height: Int32, _ body: (excite_tile) -> Void) {
        for block in 0..<Int32(blocks) {
            for row in stride(from: 0, to: height, by: 2) {
                body(excite_tile(row: row, rows: min(2, height - row), block: block, blocks: 1))
            }
        }
    }
}
