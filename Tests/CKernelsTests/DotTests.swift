import CKernels
import Testing

@Suite("Convolutions in few bits")
struct DotTests {
    /// As ConvolutionTests', and what only these kernels have: interleaved stems of 1 to 4 channels.
    static let shapes =
        ConvolutionTests.directShapes.filter { !$0.planar && $0.groups == 1 } + ConvolutionTests.groupedShapes + [
            ConvolutionShape(channels: 64, outputs: 64, height: 5, width: 7, kernel: 3, padding: 1, groups: 4),
            ConvolutionShape(channels: 64, outputs: 128, height: 5, width: 7, kernel: 3, stride: 2, padding: 1, groups: 2),
            ConvolutionShape(channels: 64, outputs: 96, height: 4, width: 4, groups: 2),
            ConvolutionShape(channels: 96, outputs: 96, height: 6, width: 5, kernel: 3, padding: 1, groups: 3),
            ConvolutionShape(channels: 33, outputs: 20, height: 9, width: 10, kernel: 2, stride: 2),
            ConvolutionShape(channels: 16, outputs: 64, height: 7, width: 9, kernel: 2, padding: 1),
            ConvolutionShape(channels: 40, outputs: 56, height: 11, width: 8, kernel: 3, stride: 3, padding: 3),
            ConvolutionShape(channels: 16, outputs: 48, height: 10, width: 13, stride: 3),
            ConvolutionShape(channels: 32, outputs: 16, height: 6, width: 7, padding: 1),
            ConvolutionShape(channels: 1, outputs: 16, height: 13, width: 15, kernel: 7, stride: 2, padding: 3, planar: true),
            ConvolutionShape(channels: 2, outputs: 33, height: 9, width: 12, kernel: 5, stride: 2, padding: 2, planar: true),
            ConvolutionShape(channels: 3, outputs: 64, height: 23, width: 21, kernel: 7, stride: 2, padding: 3, planar: true),
            ConvolutionShape(channels: 4, outputs: 48, height: 12, width: 10, kernel: 7, stride: 2, padding: 3, planar: true),
            ConvolutionShape(channels: 3, outputs: 20, height: 9, width: 9, kernel: 3, padding: 1, planar: true),
            ConvolutionShape(channels: 4, outputs: 16, height: 6, width: 6, kernel: 2, planar: true),
        ]

    /// Rows of every length around the tiles of 2 to 8 pixels.
    static let widths = (1...17).flatMap { (width: Int32) in
        [
            ConvolutionShape(channels: 16, outputs: 64, height: 2, width: width),
            ConvolutionShape(channels: 32, outputs: 48, height: 2, width: width, kernel: 3, padding: 1),
            ConvolutionShape(channels: 3, outputs: 16, height: 3, width: 2 * width, kernel: 7, stride: 2, padding: 3, planar: true),
            ConvolutionShape(channels: 16, outputs: 16, height: 3, width: width, kernel: 3, padding: 1, groups: 4),
            ConvolutionShape(channels: 32, outputs: 32, height: 3, width: width, kernel: 3, padding: 1, groups: 4),
            ConvolutionShape(channels: 16, outputs: 16, height: 4, width: 2 * width, kernel: 3, stride: 2, padding: 1, groups: 4),
            ConvolutionShape(channels: 16, outputs: 16, height: 4, width: 2 * width - 1, kernel: 3, stride: 2, padding: 1, groups: 2),
        ]
    }

    static let variants = [
        DotVariant(), DotVariant(residual: true, low: 0), DotVariant(residual: true, floatOutput: true),
        DotVariant(low: 12.25, floatOutput: true),
    ]

    @Test("uint8 equals the reference bit for bit on every instruction set, whatever the tiles", arguments: shapes)
    func uint8(shape: ConvolutionShape) {
        for variant in Self.variants { checkUInt8(DotCase(excite_uint8, shape, variant)) }
    }

    @Test("uint8 equals the reference at every width", arguments: widths)
    func uint8Widths(shape: ConvolutionShape) {
        checkUInt8(DotCase(excite_uint8, shape, DotVariant()))
        checkUInt8(DotCase(excite_uint8, shape, DotVariant(residual: true, low: 0, floatOutput: true)))
    }

    @Test("the longest sums of the largest codes do not overflow", arguments: [DotVariant.Values.largest, .smallest, .alternating])
    func corners(values: DotVariant.Values) {
        let shapes = [
            ConvolutionShape(channels: 512, outputs: 64, height: 3, width: 3, kernel: 3, padding: 1),
            ConvolutionShape(channels: 2048, outputs: 16, height: 2, width: 3),
            ConvolutionShape(channels: 32, outputs: 32, height: 3, width: 9, kernel: 3, padding: 1, groups: 8),
            ConvolutionShape(channels: 32, outputs: 32, height: 3, width: 9, kernel: 3, stride: 2, padding: 1, groups: 4),
            ConvolutionShape(channels: 4, outputs: 16, height: 9, width: 9, kernel: 7, stride: 2, padding: 3, planar: true),
        ]
        for shape in shapes {
            checkUInt8(DotCase(excite_uint8, shape, DotVariant(values: values)))
            checkUInt8(DotCase(excite_uint8, shape, DotVariant(floatOutput: true, values: values)))
        }
    }

    @Test("bfloat16 equals the reference but for float32's rounding, whatever the tiles", arguments: shapes)
    func bfloat16(shape: ConvolutionShape) {
        for (residual, low) in [(false, -Float.infinity), (true, 0)] { checkBFloat16(shape, residual: residual, low: low) }
    }

    @Test("bfloat16 equals the reference at every width", arguments: widths)
    func bfloat16Widths(shape: ConvolutionShape) {
        checkBFloat16(shape, residual: true, low: -.infinity)
    }

    @Test("a tile writes its own rows and blocks only", arguments: Kernels.everywhere)
    func tilesStayInside(kernels: Kernels) {
        for groups in [Int32(1), 12] {
            let example = DotCase(
                excite_uint8, ConvolutionShape(channels: 48, outputs: 48, height: 12, width: 12, kernel: 3, padding: 1, groups: groups),
                DotVariant(floatOutput: true))
            let table = kernels.table.uint8.pointee
            let packed = example.packed(for: table)
            let output = Elements(excite_float32, count: example.expected.count)  // all NaN
            let sums = example.run(table, packed, tile: excite_tile(row: 4, rows: 4, block: 1, blocks: 1), output)
            for i in 0..<output.count {
                let isInside = i / (144 * 16) == 1 && (4..<8).contains(i / (12 * 16) % 12)
                #expect(output[i].isNaN != isInside)
            }
            #expect(sums.values.enumerated().allSatisfy { $1.isNaN == ($0 / 16 != 1) })
        }
    }

    /// Tilings: by rows and by blocks, aligned with nothing.
    private func tilings(_ example: DotCase) -> [(rows: Int32, blocks: Int32)] {
        let height = example.convolution.output_height
        let blocks = Int32(example.outputBlocks)
        return [(height, blocks), (height, 1), (1, blocks), (2, 2), (3, 1)]
    }

    private func checkUInt8(_ example: DotCase) {
        var sums: [[[UInt32]]] = []
        for kernels in Kernels.everywhere {
            let table = kernels.table.uint8.pointee
            let packed = example.packed(for: table)
            for (i, (rows, blocks)) in tilings(example).enumerated() {
                let result = example.run(table, packed, rows: rows, blocks: blocks)
                #expect(result.output.bytes == example.expected.bytes, "\(kernels.name), \(rows) rows, \(blocks) blocks")
                if rows >= example.convolution.output_height { #expect(result.sums[0] == example.expectedSums.bits, "\(kernels.name)") }
                if i == sums.count { sums.append(result.sums) }
                #expect(result.sums == sums[i], "\(kernels.name), \(rows) rows, \(blocks) blocks")
            }
            #expect(example.runWithoutSums(table, packed).bytes == example.expected.bytes, "\(kernels.name)")
        }
    }

    private func checkBFloat16(_ shape: ConvolutionShape, residual: Bool, low: Float) {
        let example = DotCase(excite_bfloat16, shape, DotVariant(residual: residual, low: low, floatOutput: true))
        let narrow = DotCase(excite_bfloat16, shape, DotVariant(residual: residual, low: low))
        let pixels = Float(example.convolution.output_height * example.convolution.output_width)
        for kernels in Kernels.everywhere {
            guard let table = kernels.table.bfloat16?.pointee else { continue }
            let packed = example.packed(for: table)
            let whole = example.run(
                table, packed, rows: example.convolution.output_height, blocks: Int32(example.outputBlocks))
            #expect(distance(whole.output.values, example.expected.values) <= example.tolerance, "\(kernels.name)")
            let sums = whole.sums[0].map { Float(bitPattern: $0) }
            #expect(distance(sums, example.expectedSums.values) <= example.tolerance * pixels, "\(kernels.name)")

            let rounded = whole.output.values.map { bfloat16Bits($0) }
            for (rows, blocks) in tilings(example) {
                let tiled = example.run(table, packed, rows: rows, blocks: blocks)
                #expect(tiled.output.bytes == whole.output.bytes, "\(kernels.name), \(rows) rows, \(blocks) blocks")
                if rows >= example.convolution.output_height { #expect(tiled.sums == whole.sums, "\(kernels.name)") }
                let halves = narrow.run(table, packed, rows: rows, blocks: blocks)
                #expect(halves.output.values.map(\.bitPattern) == rounded, "\(kernels.name), \(rows) rows, \(blocks) blocks")
            }
            #expect(example.runWithoutSums(table, packed).bytes == whole.output.bytes, "\(kernels.name)")
        }
    }
}

/// The largest difference; not a number where either has one.
func distance(_ a: [Float], _ b: [Float]) -> Float {
    zip(a, b).reduce(0) { largest, pair in
        let difference = abs(pair.0 - pair.1)
        return difference <= largest ? largest : difference
    }
}
