import CKernels

/// The items that a pass over an image is split into, in which a pixel is made of its own input or of its neighbours'.
///
/// A large image is split into bands of rows, as convolutions over it are: a thread finds the rows that it made. Else into groups of blocks of
/// channels, as convolutions are there whose weights are larger than their images.
struct ImageParts: Sendable {
    /// Elements of an item, at least: so that taking a ticket costs little.
    private static let leastElements = 8192

    private let shape: Shape
    /// Of an item.
    private let rows: Int
    private let blocks: Int

    /// - Parameter shape: of what is made.
    init(_ shape: Shape) {
        self.shape = shape
        let isLarge = shape.pixels >= shape.channels
        rows = isLarge ? max(1, shape.height / 12, Self.leastElements / (shape.width * shape.blocks * Shape.block)) : shape.height
        blocks = isLarge ? shape.blocks : max(1, Self.leastElements / (shape.pixels * Shape.block))
    }

    private var groups: Int { shape.blocks.dividedRoundingUp(by: blocks) }
    var items: Int { shape.height.dividedRoundingUp(by: rows) * groups }

    func tile(of item: Int) -> excite_tile {
        let (row, block) = (item / groups * rows, item % groups * blocks)
        return excite_tile(
            row: Int32(row), rows: Int32(min(rows, shape.height - row)),
            block: Int32(block), blocks: Int32(min(blocks, shape.blocks - block)))
    }

    func span(of item: Int) -> excite_span {
        let tile = tile(of: item)
        let width = Int32(shape.width)
        return excite_span(first: tile.row * width, count: tile.rows * width, block: tile.block, blocks: tile.blocks)
    }
}
