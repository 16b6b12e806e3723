import CKernels
import Testing

@Suite("The general path")
struct ColumnsTests {
    static let shapes = [
        ConvolutionShape(channels: 3, outputs: 16, height: 15, width: 13, kernel: 7, stride: 2, padding: 3, planar: true),
        ConvolutionShape(channels: 20, outputs: 18, height: 6, width: 5, kernel: 3, padding: 1, groups: 2),
        ConvolutionShape(channels: 32, outputs: 48, height: 20, width: 20),
        ConvolutionShape(channels: 8, outputs: 8, height: 5, width: 5, kernel: 5, stride: 3, padding: 2, groups: 8),
    ]

    @Test("columns, a product of matrices and the store make the reference's convolution", arguments: shapes, [1, 2, 100])
    func equalsReference(shape: ConvolutionShape, band: Int32) {
        for (residual, relu) in [(false, false), (true, true)] {
            let example = ConvolutionCase(shape, residual: residual, relu: relu)
            var c = example.convolution
            let output = Floats(count: example.outputCount)
            var totals = [Float](repeating: 0, count: example.bias.count)
            for row in stride(from: 0, to: c.output_height, by: Int(band)) {
                let rows = min(band, c.output_height - row)
                let sums = Floats(count: example.bias.count)
                for group in 0..<c.groups {
                    var epilogue = example.epilogue(sums: sums.pointer)
                    let products = product(example, group: group, row: row, rows: rows)
                    excite_store_products(&c, group, row, rows, products.pointer, &epilogue, output.pointer)
                }
                for o in 0..<totals.count { totals[o] += sums.pointer[o] }
                #expect(sums.isIntact)
            }
            #expect(output.distance(to: example.expected) <= example.tolerance)
            let pixels = Float(c.output_height * c.output_width)
            #expect(Floats(totals).distance(to: example.expectedSums) <= example.tolerance * pixels)
            #expect(output.isIntact)
        }
    }

    /// One group's weights (O/G, K) times its columns (K, rows * Q).
    private func product(_ example: ConvolutionCase, group: Int32, row: Int32, rows: Int32) -> Floats {
        var c = example.convolution
        let depth = Int(c.channels / c.groups * c.kernel_height * c.kernel_width)
        let pixels = Int(rows * c.output_width)
        let outputs = Int(c.outputs / c.groups)
        let columns = Floats(count: depth * pixels)
        excite_im2col(&c, group, row, rows, example.input.pointer, columns.pointer)
        let products = Floats(count: outputs * pixels)
        for o in 0..<outputs {
            for pixel in 0..<pixels {
                var sum: Float = 0
                for k in 0..<depth {
                    sum += example.weights.pointer[(Int(group) * outputs + o) * depth + k] * columns.pointer[k * pixels + pixel]
                }
                products.pointer[o * pixels + pixel] = sum
            }
        }
        #expect(columns.isIntact)
        return products
    }
}
