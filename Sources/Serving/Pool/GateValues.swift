/// The gate of one block for one image: the factors that its channels are scaled with, between 0 and 1 where they come from a sigmoid.
public struct GateValues: Sendable, Equatable {
    /// The block's gate as the checkpoint names it: `layer1.0.se`.
    public var name: String
    public var values: [Float]

    public init(name: String, values: [Float]) {
        self.name = name
        self.values = values
    }

    public var mean: Double { values.reduce(0) { $0 + Double($1) } / Double(max(1, values.count)) }

    /// How many of the values lie in each of `bins` equal parts of 0 to 1; the first and the last have what lies outside too.
    public func histogram(bins: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: bins)
        for value in values {
            // What is no number counts as 0.
            let inside = value > 0 ? min(value, 1) : 0
            counts[min(bins - 1, Int(inside * Float(bins)))] += 1
        }
        return counts
    }
}
