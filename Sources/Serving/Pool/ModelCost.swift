/// What images of a model take, computing and decoding apart; follows what is measured.
struct ModelCost: Sendable, Equatable {
    /// Predictions are lengthened by this much: to have accepted too much breaks a promise, to have refused a little costs little.
    static let margin = 1.4

    /// Seconds that a lane computes for one image alone.
    private(set) var alone = Estimate()
    /// Seconds that a lane computes for each image of the batches that form.
    private(set) var each = Estimate()
    /// Seconds that all decoders of a lane take for an image that is not heavy.
    private(set) var decoding = Estimate()

    /// What one image took when nothing had been measured yet. The lane that was slowest counts.
    mutating func begin(seconds: Double) {
        alone = Estimate(max(alone.value, seconds))
        each = alone
    }

    /// What a batch's run took.
    mutating func follow(images: Int, seconds: Double, at now: ContinuousClock.Instant = .now) {
        let measured = seconds / Double(images)
        each.follow(measured, at: now)
        if images == 1 { alone.follow(measured, at: now) }
    }

    /// What decoding an image took, by the number of decoders that work beside each other.
    mutating func follow(decoding seconds: Double, at now: ContinuousClock.Instant = .now) {
        if decoding.value == 0 { decoding = Estimate(seconds) } else { decoding.follow(seconds, at: now) }
    }

    /// What admission may reckon with now.
    func believed(at now: ContinuousClock.Instant, isIdle: Bool) -> ModelCost {
        var believed = self
        believed.alone = alone.believed(at: now, isIdle: isIdle)
        believed.each = each.believed(at: now, isIdle: isIdle)
        believed.decoding = decoding.believed(at: now, isIdle: isIdle)
        return believed
    }

    /// How long a lane will compute a batch, with a margin.
    func expectedRun(images: Int) -> Duration { .seconds(Self.margin * max(alone.value, each.value * Double(images))) }

    /// Images a second that so many lanes together get through; 0 while nothing is known.
    func throughput(lanes: Int) -> Double {
        let seconds = each.value + decoding.value
        return seconds > 0 ? Double(lanes) / seconds : 0
    }
}
