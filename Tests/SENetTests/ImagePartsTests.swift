import Testing

@testable import SENet

@Suite("The parts of an image")
struct ImagePartsTests {
    @Test("are each of its elements once, whatever its shape")
    func cover() {
        var (banded, grouped) = (0, 0)
        let sizes = [(1, 1), (7, 7), (14, 14), (13, 7), (7, 13), (28, 28), (57, 31), (56, 56), (1, 200), (200, 1), (113, 112)]
        for (channels, (height, width)) in [1, 16, 24, 64, 256, 2048].flatMap({ channels in sizes.map { (channels, $0) } }) {
            let shape = Shape(channels: channels, height: height, width: width)
            let parts = ImageParts(shape)
            var rows = [Int](repeating: 0, count: shape.blocks * height)
            var pixels = [Int](repeating: 0, count: shape.blocks * shape.pixels)
            for item in 0..<parts.items {
                let (tile, span) = (parts.tile(of: item), parts.span(of: item))
                for block in Int(tile.block)..<Int(tile.block + tile.blocks) {
                    for row in Int(tile.row)..<Int(tile.row + tile.rows) { rows[block * height + row] += 1 }
                }
                for block in Int(span.block)..<Int(span.block + span.blocks) {
                    for pixel in Int(span.first)..<Int(span.first + span.count) { pixels[block * shape.pixels + pixel] += 1 }
                }
            }
            #expect(rows.allSatisfy { $0 == 1 } && pixels.allSatisfy { $0 == 1 }, "\(shape)")
            let first = parts.tile(of: 0)
            if Int(first.rows) < height { banded += 1 }
            if Int(first.blocks) < shape.blocks { grouped += 1 }
        }
        #expect(banded > 0 && grouped > 0)
    }
}
