/// Mean and deviation of each channel of each block's gate, over a group of images.
public struct GateStatistics: Sendable {
    /// One block.
    public struct Block: Sendable, Equatable {
        public let name: String
        /// Of each channel.
        public fileprivate(set) var mean: [Double]
        fileprivate var squares: [Double]
    }

    public private(set) var images = 0
    public private(set) var blocks: [Block] = []

    public init() {}

    /// Takes one image's gates. All images' must be of the same network.
    public mutating func add(_ gates: [GateValues]) {
        if images == 0 {
            let zeros = gates.map { [Double](repeating: 0, count: $0.values.count) }
            blocks = zip(gates, zeros).map { Block(name: $0.name, mean: $1, squares: $1) }
        }
        images += 1
        // Welford's method: no difference of large sums.
        for (block, gate) in gates.enumerated() {
            for (channel, value) in gate.values.enumerated() {
                let before = Double(value) - blocks[block].mean[channel]
                blocks[block].mean[channel] += before / Double(images)
                blocks[block].squares[channel] += before * (Double(value) - blocks[block].mean[channel])
            }
        }
    }

    /// The standard deviation of each channel over the images; 0 for one image.
    public func deviation(_ block: Block) -> [Double] { block.squares.map { ($0 / Double(max(1, images))).squareRoot() } }
}
