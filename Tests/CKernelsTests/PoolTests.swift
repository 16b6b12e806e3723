import CKernels
import Testing

@Suite("Pooling")
struct PoolTests {
    struct Shape: CustomTestStringConvertible, Sendable {
        var channels: Int32, height: Int32, width: Int32, kernel: Int32, stride: Int32, padding: Int32
        var ceil = false

        func pooling(average: Bool, countsPadding: Bool = false) -> excite_pooling {
            func outputSize(_ size: Int32) -> Int32 { (size + 2 * padding - kernel + (ceil ? stride - 1 : 0)) / stride + 1 }
            return excite_pooling(
                channels: channels, height: height, width: width, output_height: outputSize(height), output_width: outputSize(width),
                kernel: kernel, stride: stride, padding: padding,
                average: average, counts_padding: countsPadding)
        }

        var testDescription: String { "\(channels)x\(height)x\(width), \(kernel)/\(stride) + \(padding)\(ceil ? ", ceil" : "")" }
    }

    static let shapes = [
        Shape(channels: 64, height: 14, width: 14, kernel: 3, stride: 2, padding: 1),
        Shape(channels: 32, height: 13, width: 9, kernel: 3, stride: 2, padding: 0, ceil: true),
        Shape(channels: 5, height: 7, width: 6, kernel: 2, stride: 2, padding: 0),
        Shape(channels: 17, height: 8, width: 8, kernel: 3, stride: 1, padding: 1),
        Shape(channels: 16, height: 6, width: 9, kernel: 3, stride: 2, padding: 1, ceil: true),
        Shape(channels: 16, height: 1, width: 1, kernel: 1, stride: 1, padding: 0),
    ]

    @Test("equals the reference, in any split into rows and blocks", arguments: Kernels.all, shapes)
    func equalsReference(kernels: Kernels, shape: Shape) {
        for (average, countsPadding) in [(false, false), (true, false), (true, true)] {
            var generator = Xorshift(seed: 1)
            var pooling = shape.pooling(average: average, countsPadding: countsPadding)
            let input = randomActivation(channels: Int(shape.channels), pixels: Int(shape.height * shape.width), &generator)
            let count = blocks(Int(shape.channels)) * Int(pooling.output_height * pooling.output_width) * 16
            let expected = Floats(count: count)
            excite_reference_pool(&pooling, input.pointer, expected.pointer)

            let output = Floats(count: count)
            for block in 0..<Int32(blocks(Int(shape.channels))) {
                for row in 0..<pooling.output_height {
                    var tile = excite_tile(row: row, rows: 1, block: block, blocks: 1)
                    kernels.table.pool(&pooling, &tile, input.pointer, output.pointer)
                }
            }
            #expect(output.distance(to: expected) <= (average ? 1e-6 : 0))
            #expect(output.isIntact)

            let whole = Floats(count: count)
            var tile = excite_tile(row: 0, rows: pooling.output_height, block: 0, blocks: Int32(blocks(Int(shape.channels))))
            kernels.table.pool(&pooling, &tile, input.pointer, whole.pointer)
            #expect(whole.bits == output.bits)
        }
    }

    @Test("the largest of all pixels is found wherever it is, and a NaN wins", arguments: Kernels.all, [1, 2, 3, 4, 5, 49])
    func globalMaximum(kernels: Kernels, pixels: Int) {
        var generator = Xorshift(seed: UInt64(pixels))
        let input = Floats(random: 3 * pixels * 16, &generator)
        let expected = Floats(count: 48)
        let maxima = Floats(count: 48)
        excite_reference_max_pixels(input.pointer, Int32(pixels), 3, expected.pointer)
        kernels.table.max_pixels(input.pointer, Int32(pixels), 3, maxima.pointer)
        #expect(maxima.bits == expected.bits)
        #expect(maxima.isIntact)
        for pixel in 0..<pixels {
            let input = Floats(count: pixels * 16, filledWith: -1)
            input.pointer[pixel * 16 + 5] = .nan
            kernels.table.max_pixels(input.pointer, Int32(pixels), 1, maxima.pointer)
            #expect(maxima.pointer[5].isNaN && maxima.pointer[6] == -1)
        }
    }

    @Test("a maximum does not hide a NaN", arguments: Kernels.all)
    func nanIsSeen(kernels: Kernels) {
        var pooling = Shape(channels: 16, height: 2, width: 2, kernel: 2, stride: 2, padding: 0).pooling(average: false)
        for place in 0..<4 {
            let input = Floats(count: 64, filledWith: 1)
            input.pointer[place * 16 + 3] = .nan
            let output = Floats(count: 16)
            var tile = excite_tile(row: 0, rows: 1, block: 0, blocks: 1)
            kernels.table.pool(&pooling, &tile, input.pointer, output.pointer)
            #expect(output.pointer[3].isNaN && output.pointer[4] == 1)
        }
    }
}
