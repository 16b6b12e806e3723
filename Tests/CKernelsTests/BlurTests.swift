import CKernels
import Testing

@Suite("Blur pooling")
struct BlurTests {
    @Test(
        "equals the reference, in any split into rows and blocks", arguments: Kernels.all,
        [(64, 14, 14), (17, 7, 9), (5, 2, 2), (16, 8, 3), (32, 3, 2)])
    func equalsReference(kernels: Kernels, shape: (channels: Int, height: Int, width: Int)) {
        for stride in 1...2 {
            for reflects in [false, true] {
                var generator = Xorshift(seed: UInt64(shape.channels))
                let (height, width) = ((shape.height - 1) / stride + 1, (shape.width - 1) / stride + 1)
                var blurring = excite_blurring(
                    channels: Int32(shape.channels), height: Int32(shape.height), width: Int32(shape.width), output_height: Int32(height),
                    output_width: Int32(width), stride: Int32(stride), reflects: reflects)
                let input = randomActivation(channels: shape.channels, pixels: shape.height * shape.width, &generator)
                let count = blocks(shape.channels) * height * width * 16
                let expected = Floats(count: count)
                excite_reference_blur(&blurring, input.pointer, expected.pointer)

                let output = Floats(count: count)
                for block in 0..<Int32(blocks(shape.channels)) {
                    for row in 0..<Int32(height) {
                        var tile = excite_tile(row: row, rows: 1, block: block, blocks: 1)
                        kernels.table.blur(&blurring, &tile, input.pointer, output.pointer)
                    }
                }
                #expect(output.distance(to: expected) <= 2e-7)
                #expect(output.isIntact)

                let whole = Floats(count: count)
                var tile = excite_tile(row: 0, rows: Int32(height), block: 0, blocks: Int32(blocks(shape.channels)))
                kernels.table.blur(&blurring, &tile, input.pointer, whole.pointer)
                #expect(whole.bits == output.bits)
            }
        }
    }

    /// Three of the filter's sixteen quarters lie outside a corner with zeros: 9/16 are left.
    @Test("of a constant image is that constant, but for the edge where zeros are beside it", arguments: Kernels.all)
    func constant(kernels: Kernels) {
        for reflects in [false, true] {
            var blurring = excite_blurring(
                channels: 16, height: 5, width: 5, output_height: 3, output_width: 3, stride: 2, reflects: reflects)
            let input = Floats(count: 25 * 16, filledWith: 3)
            let output = Floats(count: 9 * 16)
            var tile = excite_tile(row: 0, rows: 3, block: 0, blocks: 1)
            kernels.table.blur(&blurring, &tile, input.pointer, output.pointer)
            #expect(output.pointer[4 * 16] == 3)
            #expect(output.pointer[0] == (reflects ? 3 : 1.6875))
        }
    }
}

@Suite("Copying channels")
struct CopyTests {
    @Test("moves those channels and no others", arguments: [(0, 16, 0), (0, 3, 13), (5, 11, 0), (2, 7, 4)])
    func copy(_ piece: (from: Int, count: Int, to: Int)) {
        var generator = Xorshift(seed: 1)
        let input = Floats(random: 7 * 16, &generator)
        let output = Floats(count: 7 * 16, filledWith: 9)
        excite_copy_channels(4, input.pointer, Int32(piece.from), Int32(piece.count), 7, output.pointer, Int32(piece.to))
        for pixel in 0..<7 {
            for channel in 0..<16 {
                let source = channel - piece.to + piece.from
                let isCopied = (piece.to..<piece.to + piece.count).contains(channel)
                #expect(output.pointer[pixel * 16 + channel] == (isCopied ? input.pointer[pixel * 16 + source] : 9))
            }
        }
        #expect(output.isIntact)
    }

    @Test("brings planes into blocks, with zeros in the padding channels", arguments: [1, 3, 4, 16, 19])
    func block(_ channels: Int) {
        var generator = Xorshift(seed: 2)
        let input = Floats(random: channels * 7, &generator)
        let output = Floats(count: (channels + 15) / 16 * 7 * 16)
        excite_block_channels(Int32(channels), 7, input.pointer, output.pointer)
        for (index, value) in output.values.enumerated() {
            let (channel, pixel) = (index / (7 * 16) * 16 + index % 16, index / 16 % 7)
            #expect(value == (channel < channels ? input.pointer[channel * 7 + pixel] : 0))
        }
        #expect(output.isIntact)
    }
}
