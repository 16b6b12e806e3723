import CKernels
import Testing

@Suite("Convolutions")
struct ConvolutionTests {
    /// Sizes around the register tiles (2, 6 and 8 pixels; 1 and 3 blocks) and around the panel of 288 terms.
    static let directShapes = [
        ConvolutionShape(channels: 64, outputs: 64, height: 7, width: 7),
        ConvolutionShape(channels: 304, outputs: 16, height: 1, width: 1),
        ConvolutionShape(channels: 288, outputs: 48, height: 1, width: 2),
        ConvolutionShape(channels: 20, outputs: 35, height: 1, width: 3),
        ConvolutionShape(channels: 16, outputs: 112, height: 5, width: 1),
        ConvolutionShape(channels: 7, outputs: 5, height: 2, width: 3),
        ConvolutionShape(channels: 640, outputs: 80, height: 1, width: 7),
        ConvolutionShape(channels: 32, outputs: 64, height: 9, width: 9),
        ConvolutionShape(channels: 48, outputs: 32, height: 9, width: 8, stride: 2),
        ConvolutionShape(channels: 32, outputs: 33, height: 7, width: 7, kernel: 3, padding: 1),
        ConvolutionShape(channels: 80, outputs: 16, height: 6, width: 17, kernel: 3, padding: 1),
        ConvolutionShape(channels: 32, outputs: 64, height: 8, width: 7, kernel: 3, stride: 2, padding: 1),
        ConvolutionShape(channels: 16, outputs: 16, height: 9, width: 11, kernel: 3, stride: 2),
        ConvolutionShape(channels: 17, outputs: 18, height: 8, width: 8, kernel: 5, stride: 3, padding: 2),
        ConvolutionShape(channels: 64, outputs: 64, height: 5, width: 7, kernel: 3, padding: 1, groups: 4),
        ConvolutionShape(channels: 64, outputs: 128, height: 5, width: 7, kernel: 3, stride: 2, padding: 1, groups: 2),
        ConvolutionShape(channels: 64, outputs: 96, height: 4, width: 4, groups: 2),
        ConvolutionShape(channels: 3, outputs: 64, height: 23, width: 21, kernel: 7, stride: 2, padding: 3, planar: true),
        ConvolutionShape(channels: 3, outputs: 32, height: 12, width: 13, kernel: 3, stride: 2, padding: 1, planar: true),
        ConvolutionShape(channels: 4, outputs: 20, height: 9, width: 9, kernel: 3, stride: 1, padding: 1, planar: true),
        ConvolutionShape(channels: 1, outputs: 16, height: 5, width: 6, planar: true),
    ]

    static let groupedShapes = [
        ConvolutionShape(channels: 32, outputs: 32, height: 7, width: 7, kernel: 3, padding: 1, groups: 8),
        ConvolutionShape(channels: 48, outputs: 48, height: 5, width: 9, kernel: 3, padding: 1, groups: 12),
        ConvolutionShape(channels: 20, outputs: 20, height: 6, width: 15, kernel: 3, stride: 2, padding: 1, groups: 5),
        ConvolutionShape(channels: 32, outputs: 32, height: 4, width: 31, kernel: 3, padding: 1, groups: 4),
        ConvolutionShape(channels: 24, outputs: 24, height: 9, width: 17, kernel: 3, stride: 2, padding: 1, groups: 3),
        ConvolutionShape(channels: 16, outputs: 16, height: 5, width: 8, kernel: 3, groups: 2),
        ConvolutionShape(channels: 16, outputs: 16, height: 8, width: 9, kernel: 3, stride: 3, padding: 1, groups: 4),
    ]

    static let winogradShapes = [
        ConvolutionShape(channels: 64, outputs: 64, height: 14, width: 14, kernel: 3, padding: 1),
        ConvolutionShape(channels: 32, outputs: 48, height: 7, width: 7, kernel: 3, padding: 1),
        ConvolutionShape(channels: 20, outputs: 18, height: 9, width: 6, kernel: 3, padding: 1),
        ConvolutionShape(channels: 16, outputs: 112, height: 5, width: 29, kernel: 3, padding: 1),
        ConvolutionShape(channels: 192, outputs: 16, height: 24, width: 12, kernel: 3, padding: 1),
        ConvolutionShape(channels: 8, outputs: 5, height: 1, width: 1, kernel: 3, padding: 1),
    ]

    @Test("direct convolution equals the reference, whatever the tiles", arguments: Kernels.all, directShapes)
    func direct(kernels: Kernels, shape: ConvolutionShape) {
        check(kernels.table.direct, shape, rowStep: 1)
    }

    @Test("grouped convolution equals the reference, whatever the tiles", arguments: Kernels.all, groupedShapes)
    func grouped(kernels: Kernels, shape: ConvolutionShape) {
        check(kernels.table.grouped, shape, rowStep: 1)
    }

    /// The transforms of F(2x2) only halve, and hardly cost precision; those of F(4x4) multiply by up to 8 and cancel: ten times the error.
    @Test("Winograd convolution equals the reference, whatever the tiles", arguments: Kernels.all, winogradShapes)
    func winograd(kernels: Kernels, shape: ConvolutionShape) {
        check(kernels.table.winograd2, shape, rowStep: 2, slack: 2)
        check(kernels.table.winograd4, shape, rowStep: 4, slack: 16)
    }

    @Test("a tile writes its own rows and blocks only", arguments: Kernels.all)
    func tilesStayInside(kernels: Kernels) {
        let example = ConvolutionCase(ConvolutionShape(channels: 32, outputs: 48, height: 12, width: 12, kernel: 3, padding: 1))
        for algorithm in [kernels.table.direct, kernels.table.winograd2, kernels.table.winograd4] {
            let convolver = Convolver(algorithm, example)
            let output = Floats(count: example.outputCount, filledWith: .nan)
            let sums = Floats(count: 48, filledWith: .nan)
            convolver.run(excite_tile(row: 4, rows: 4, block: 1, blocks: 1), output, sums)
            for block in 0..<3 {
                for row in 0..<12 {
                    let isInside = block == 1 && (4..<8).contains(row)
                    let values = output.values[(block * 12 + row) * 12 * 16..<(block * 12 + row + 1) * 12 * 16]
                    #expect(values.allSatisfy { $0.isNaN != isInside })
                }
            }
            #expect(sums.values.enumerated().allSatisfy { $1.isNaN == ($0 / 16 != 1) })
        }
    }

    /// Compares with the reference for every epilogue, and tile by tile with the whole image at once, bit by bit.
    private func check(_ algorithm: excite_convolution_algorithm, _ shape: ConvolutionShape, rowStep: Int32, slack: Float = 1) {
        for (residual, relu) in [(false, false), (true, false), (false, true), (true, true)] {
            let example = ConvolutionCase(shape, residual: residual, relu: relu)
            let convolver = Convolver(algorithm, example)
            let height = example.convolution.output_height
            let blocks = Int32(example.outputBlocks)

            let whole = convolver.runAll(rows: height, blocks: blocks)
            #expect(whole.output.distance(to: example.expected) <= slack * example.tolerance)
            let pixels = Float(height * example.convolution.output_width)
            #expect(whole.sums.distance(to: example.expectedSums) <= slack * example.tolerance * pixels)
            #expect(paddingIsZero(whole.output, example))

            for (rows, blocks) in [(height, 1), (rowStep, blocks), (rowStep, 1), (3 * rowStep, 2)] {
                let tiled = convolver.runAll(rows: rows, blocks: blocks)
                #expect(tiled.output.bits == whole.output.bits, "tiles of \(rows) rows, \(blocks) blocks")
                if rows >= height { #expect(tiled.sums.bits == whole.sums.bits, "sums of tiles of \(blocks) blocks") }
            }
        }
    }

    private func paddingIsZero(_ output: Floats, _ example: ConvolutionCase) -> Bool {
        let cleared = Floats(output.values)
        let c = example.convolution
        clearPadding(cleared, channels: Int(c.outputs), pixels: Int(c.output_height * c.output_width))
        return cleared.bits == output.bits
    }
}

/// One algorithm with a case's weights packed, block by block as several threads would.
private final class Convolver {
    private let algorithm: excite_convolution_algorithm
    private let example: ConvolutionCase
    private let packed: Floats

    init(_ algorithm: excite_convolution_algorithm, _ example: ConvolutionCase) {
        self.algorithm = algorithm
        self.example = example
        packed = Floats(count: algorithm.packed_count(&example.convolution))
        for block in (0..<Int32(example.outputBlocks)).reversed() {
            algorithm.pack(&example.convolution, block, 1, example.weights.pointer, packed.pointer)
        }
        #expect(packed.isIntact)
        #expect(!packed.values.contains { $0.isNaN })
        let together = Floats(count: packed.count)
        algorithm.pack(&example.convolution, 0, Int32(example.outputBlocks), example.weights.pointer, together.pointer)
        #expect(together.bits == packed.bits)
    }

    func run(_ tile: excite_tile, _ output: Floats, _ sums: Floats) {
        // A scratch of exactly the size asked for, full of NaN: nothing may be read before it is written.
        let scratch = Floats(count: algorithm.scratch_count(&example.convolution, tile.rows), filledWith: .nan)
        var tile = tile
        var epilogue = example.epilogue(sums: sums.pointer)
        algorithm.run(&example.convolution, &tile, example.input.pointer, packed.pointer, &epilogue, output.pointer, scratch.pointer)
        #expect(scratch.isIntact && output.isIntact && sums.isIntact)
    }

    /// The whole image in tiles; the sums are those of the last band.
    func runAll(rows: Int32, blocks: Int32) -> (output: Floats, sums: Floats) {
        let output = Floats(count: example.outputCount)
        let sums = Floats(count: example.outputBlocks * 16)
        for row in stride(from: 0, to: example.convolution.output_height, by: Int(rows)) {
            for block in stride(from: 0, to: Int32(example.outputBlocks), by: Int(blocks)) {
                let tile = excite_tile(
                    row: row, rows: min(rows, example.convolution.output_height - row), block: block,
                    blocks: min(blocks, Int32(example.outputBlocks) - block))
                run(tile, output, sums)
            }
        }
        return (output, sums)
    }
}
