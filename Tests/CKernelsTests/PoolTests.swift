import CKernels
import Testing

@Suite("Pooling")
struct PoolTests {
    struct Shape: CustomTestStringConvertible, Sendable {
        var channels: Int32, height: Int32, width: Int32, kernel: Int32, stride: Int32, padding: Int32
        var ceil = false

        func pooling(average: Bool) -> excite_pooling {
            let rounding = ceil ? stride - 1 : 0
            return excite_pooling(
                channels: channels, height: height, width: width, output_height: (height + 2 * padding - kernel + rounding) / stride + 1,
                output_width: (width + 2 * padding - kernel + rounding) / stride + 1, kernel: kernel, stride: stride, padding: padding,
                average: average)
        }

        var testDescription: String { "\(channels)x\(height)x\(width), \(kernel)/\(stride) + \(padding)\(ceil ? ", ceil" : "")" }
    }

    static let shapes = [
        Shape(channels: 64, height: 14, width: 14, kernel: 3, stride: 2, padding: 1),
        Shape(channels: 32, height: 13, width: 9, kernel: 3, stride: 2, padding: 0, ceil: true),
        Shape(channels: 5, height: 7, width: 6, kernel: 2, stride: 2, padding: 0),
        Shape(channels: 17, height: 8, width: 8, kernel: 3, stride: 1, padding: 1),
        Shape(channels: 16, height: 1, width: 1, kernel: 1, stride: 1, padding: 0),
    ]

    @Test("equals the reference, in any split into rows and blocks", arguments: Kernels.all, shapes)
    func equalsReference(kernels: Kernels, shape: Shape) {
        for average in [false, true] {
            var generator = Xorshift(seed: 1)
            var pooling = shape.pooling(average: average)
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
