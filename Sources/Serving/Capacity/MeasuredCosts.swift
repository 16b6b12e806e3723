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
    /// How much longer a request takes than its image, while it holds nobody up: from its first byte to its answer's last; not empty.
    public var transit: [Double]

    /// - Precondition: there is a run, a spread, a decode and a transit.
    public init(runs: [Double], spread: [Double], decodes: [Double], request: Double = 0, transit: [Double] = [0]) {
        precondition(!runs.isEmpty && !spread.isEmpty && !decodes.isEmpty && !transit.isEmpty, "costs of which nothing was measured")
        self.runs = runs
        self.spread = spread
        self.decodes = decodes
        self.request = request
        self.transit = transit
    }

    /// What serving took for a request of one image, in seconds.
    public struct Served: Sendable {
        /// Of the batch that it was in.
        public var images: Int
        public var run: Double
        public var decode: Double
        public var transit: Double

        public init(images: Int, run: Double, decode: Double, transit: Double) {
            (self.images, self.run, self.decode, self.transit) = (images, run, decode, transit)
        }
    }

    /// Takes over what was seen while a server worked: there, runs and decoders are disturbed by receiving and answering, and find caches cold.
    public mutating func follow(_ served: [Served]) {
        guard !served.isEmpty else { return }
        // All images of a run took the same.
        var seen: Set<Double> = []
        let ratios = served.filter { runs.indices.contains($0.images - 1) && seen.insert($0.run).inserted }.map {
            $0.run / runs[$0.images - 1]
        }
        if !ratios.isEmpty { spread = ratios.sorted() }
        decodes = served.map(\.decode).sorted()
        transit = served.map { max(0, $0.transit) }.sorted()
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
