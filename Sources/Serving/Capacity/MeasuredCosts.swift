/// What the images of a model take on a machine, in seconds, as measured: what a simulation of the pool reckons with.
public struct MeasuredCosts: Sendable, Equatable {
    /// A lane's run of 1, 2, 3… images: the median of each.
    public var runs: [Double]
    /// How many times its median a run took, over runs of all sizes; not empty.
    public var spread: [Double]
    /// Decoding, resizing and cropping an image, while all decoders of all lanes are at it; not empty.
    public var decodes: [Double]
    /// What a request takes besides, of its lane's time: to be received, and to be answered.
    public var request: Double

    /// - Precondition: there is a run, a spread and a decode.
    public init(runs: [Double], spread: [Double], decodes: [Double], request: Double = 0) {
        precondition(!runs.isEmpty && !spread.isEmpty && !decodes.isEmpty, "costs of which nothing was measured")
        self.runs = runs
        self.spread = spread
        self.decodes = decodes
        self.request = request
    }

    /// - Parameter runs: the measured runs of 1, 2, 3… images; none is empty.
    init(runs: [[Double]], decodes: [Double]) {
        let medians = runs.map { $0.sorted()[$0.count / 2] }
        self.init(
            runs: medians, spread: zip(runs, medians).flatMap { measured, median in measured.map { $0 / median } }.sorted(),
            decodes: decodes.sorted())
    }
}

/// Repeats itself for a seed: SplitMix64 (Steele, Lea, Flood 2014).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
