/// How long a lane is busy with images of a model; follows what is measured.
struct ModelCost: Sendable, Equatable {
    /// How much of a new measurement counts.
    private static let weight = 0.2
    /// Predictions are lengthened by this much: to have accepted too much breaks a promise, to have refused a little costs little.
    static let margin = 1.4

    /// Seconds for one image alone.
    private(set) var alone = 0.0
    /// Seconds for each image of the batches that form.
    private(set) var each = 0.0

    /// What one image took when nothing had been measured yet. The lane that was slowest counts.
    mutating func begin(seconds: Double) {
        alone = max(alone, seconds)
        each = alone
    }

    /// What a batch took.
    mutating func follow(images: Int, seconds: Double) {
        let measured = seconds / Double(images)
        each += Self.weight * (measured - each)
        if images == 1 { alone += Self.weight * (measured - alone) }
    }

    /// How long a lane will be busy with a batch, with a margin.
    func expectedRun(images: Int) -> Duration { .seconds(Self.margin * max(alone, each * Double(images))) }

    /// Images a second that so many lanes together get through; 0 while nothing is known.
    func throughput(lanes: Int) -> Double { each > 0 ? Double(lanes) / each : 0 }
}
