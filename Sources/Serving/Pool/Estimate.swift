import Glibc

/// Follows something that is measured again and again, in seconds or as a ratio: the latest measurements count most.
///
/// What is refused because of an estimate is never measured, so a bad one would stay for ever. Therefore it is forgotten where no measurement
/// follows, towards the fastest that was ever seen; and whoever has nothing else to do may try again at once, as if it took that.
struct Estimate: Sendable, Equatable {
    /// How much of a new measurement counts.
    private static let weight = 0.2
    /// Seconds without a measurement in which half of what lies above the fastest is forgotten.
    private static let halfLife = 10.0

    private(set) var value: Double
    private(set) var fastest: Double
    private var measured: ContinuousClock.Instant?

    init(_ value: Double = 0) {
        self.value = value
        fastest = value
    }

    mutating func follow(_ measurement: Double, at now: ContinuousClock.Instant) {
        value += Self.weight * (measurement - value)
        fastest = min(fastest, measurement)
        measured = now
    }

    /// What can be held against a promise now.
    func believed(at now: ContinuousClock.Instant, isIdle: Bool) -> Estimate {
        var believed = self
        let age = measured.map { max(0, (now - $0).seconds) } ?? 0
        let forgotten = 1 - exp2(-age / Self.halfLife)
        believed.value = isIdle ? fastest : max(fastest, value - forgotten * (value - fastest))
        return believed
    }
}
