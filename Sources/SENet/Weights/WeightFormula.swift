/// Weights by formula: each tensor is filled from its name, so that a full-size network can be measured and checked without its checkpoint.
///
/// SplitMix64 (Steele, Lea, Flood 2014) seeded with the FNV-1a hash of the name; scaled by the fan-in (He et al., arXiv 1502.01852).
public enum WeightFormula {
    /// The first `count` numbers for a name, each in [0, 1) and exact in float32.
    public static func uniform(name: String, count: Int) -> [Double] { Array(numbers(name: name, count: count)) }

    private static func numbers(name: String, count: Int) -> LazyMapSequence<Range<Int>, Double> {
        var seed: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { seed = (seed ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return (0..<count).lazy.map { [seed] index in
            var z = seed &+ UInt64(index + 1) &* 0x9e37_79b9_7f4a_7c15
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return Double((z ^ (z >> 31)) >> 40) / 0x1p24
        }
    }

    /// A tensor of a checkpoint, row-major.
    public static func values(_ parameter: Parameter) -> [Float] {
        let numbers = numbers(name: parameter.name, count: parameter.count)
        let name = parameter.name
        if parameter.shape.count >= 2 {
            let isLast = ["fc.weight", "last_linear.weight", "head.fc.weight"].contains(name) || name.hasSuffix("fc2.weight")
            let fanIn = parameter.shape.dropFirst().reduce(1, *)
            let bound = (6 / Double(fanIn)).squareRoot() * (isLast ? 4 : 1)
            return numbers.map { Float((2 * $0 - 1) * bound) }
        }
        if name.hasSuffix("running_var") { return numbers.map { Float(0.5 + $0) } }
        if name.hasSuffix("running_mean") || name.hasSuffix("bias") { return numbers.map { Float((2 * $0 - 1) * 0.1) } }
        return numbers.map { Float(0.5 + 0.5 * $0) }
    }

    /// The input tensor of that formula, (count), in [-2, 2).
    public static func input(count: Int) -> [Float] {
        numbers(name: Network.input, count: count).map { Float((2 * $0 - 1) * 2) }
    }
}
