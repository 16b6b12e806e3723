import CKernels

/// The channels of several images one after the other.
struct ConcatenationStep: Step {
    /// Channels that lie in one block of an input and come to lie in one block of the output.
    struct Piece: Sendable {
        var input: ValueID
        /// The start of the input's block in it, in elements.
        var block: Int
        var from: Int
        var count: Int
        /// The channel of the output's block.
        var to: Int
    }

    let name: String
    let output: ValueID
    private let shape: Shape
    private let encoding: Encoding
    /// Of each block of the output.
    private let pieces: [[Piece]]

    /// - Parameter inputs: each with its channels, all in the output's encoding; `shape` is the output's.
    init(name: String, inputs: [(value: ValueID, channels: Int)], shape: Shape, encoding: Encoding, output: ValueID) {
        self.name = name
        self.output = output
        self.shape = shape
        self.encoding = encoding
        var pieces = [[Piece]](repeating: [], count: shape.blocks)
        var end = 0
        for (value, channels) in inputs {
            var channel = 0
            while channel < channels {
                let (from, to) = (channel % Shape.block, end % Shape.block)
                let count = min(channels - channel, Shape.block - from, Shape.block - to)
                let block = channel / Shape.block * shape.pixels * Shape.block
                pieces[end / Shape.block].append(Piece(input: value, block: block, from: from, count: count, to: to))
                channel += count
                end += count
            }
        }
        self.pieces = pieces
    }

    var items: Int { shape.blocks }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: "concatenation", output: shape, algorithm: "", precision: encoding.precision, multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        let size = encoding.byteCount
        let count = shape.pixels * Shape.block * size
        let block = frame.bytes(output) + item * count
        if (item + 1) * Shape.block > shape.channels { block.initializeMemory(as: UInt8.self, repeating: 0, count: count) }
        for piece in pieces[item] {
            excite_copy_channels(
                size, frame.bytes(piece.input) + piece.block * size, Int32(piece.from), Int32(piece.count), Int32(shape.pixels), block,
                Int32(piece.to))
        }
    }
}
