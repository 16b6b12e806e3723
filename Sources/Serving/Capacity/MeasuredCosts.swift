/// What the images of a model take on a machine, in seconds, as measured: what a simulation of the pool reckons with.
public struct MeasuredCosts: Sendable, Equatable {
    /// A lane's run of 1, 2, 3… images: the median of each, one after the other.
    public var runs: [Double]
    /// How much longer than that runs took, of any size: caches are cold after a pause, and threads are disturbed. Not empty.
    public var delays: [Double]
    /// Decoding, resizing and cropping an image; not empty.
    public var decodes: [Double]
    /// How much longer a request takes than its image, while it holds nobody up: from its first byte to its answer's last; not empty.
    public var transit: [Double]
    /// How many times all of that images take while a server is at work: what else there is to do is in it, too.
    public var slowdown: Double

    /// - Precondition: there is one of each.
    public init(runs: [Double], delays: [Double] = [0], decodes: [Double], transit: [Double] = [0], slowdown: Double = 1) {
        precondition(!runs.isEmpty && !delays.isEmpty && !decodes.isEmpty && !transit.isEmpty, "costs of which nothing was measured")
        (self.runs, self.delays, self.decodes, self.transit, self.slowdown) = (runs, delays, decodes, transit, slowdown)
    }

    /// - Parameter runs: the measured runs of 1, 2, 3… images; none is empty.
    init(runs: [[Double]], decodes: [Double]) {
        let medians = runs.map { $0.sorted()[$0.count / 2] }
        self.init(
            runs: medians, delays: zip(runs, medians).flatMap { measured, median in measured.map { $0 - median } }.sorted(),
            decodes: decodes.sorted())
    }

    /// What a server saw of requests for one image each that came at random.
    public struct Served: Sendable {
        /// One that was answered, in seconds.
        public struct Answer: Sendable {
            /// Of the batch that it was in.
            public var images: Int
            public var run: Double
            public var decode: Double
            /// From the request's first byte to the answer's last, but for run, decoding and waiting.
            public var transit: Double
            public var latency: Double

            public init(images: Int, run: Double, decode: Double, transit: Double, latency: Double) {
                (self.images, self.run, self.decode, self.transit, self.latency) = (images, run, decode, transit, latency)
            }
        }

        public var answers: [Answer] = []
        public var refused = 0

        public init() {}
    }

    /// Takes over what was seen while a server was at work: there, runs and decoders are disturbed by receiving and answering.
    mutating func follow(_ served: Served) {
        guard !served.answers.isEmpty else { return }
        // All images of a run took the same.
        var seen: Set<Double> = []
        let first = served.answers.filter { runs.indices.contains($0.images - 1) && seen.insert($0.run).inserted }
        if !first.isEmpty { delays = first.map { $0.run - runs[$0.images - 1] }.sorted() }
        decodes = served.answers.map(\.decode).sorted()
        transit = served.answers.map { max(0, $0.transit) }.sorted()
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
