import Glibc

/// When requests are due: at a constant rate, whatever became of those before.
struct Arrivals {
    /// Requests a second.
    var rate: Double
    /// Seconds.
    var duration: Double
    /// As independent clients come, a Poisson process; the same in every run.
    var isRandom = false

    /// At least one.
    var count: Int { max(1, Int((rate * duration).rounded())) }

    /// From the start to the request of that index, where they are evenly spaced.
    func offset(_ index: Int) -> Duration { .seconds(Double(index) / rate) }
}

/// From one request to the next where they come at random: exponentially distributed, from SplitMix64 (Steele, Lea, Flood 2014).
struct RandomGaps {
    let rate: Double
    private var state: UInt64 = 1

    init(rate: Double) { self.rate = rate }

    mutating func next() -> Duration {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        let uniform = Double((mixed ^ (mixed >> 31)) >> 11) * 0x1p-53
        return .seconds(-log(1 - uniform) / rate)
    }
}

/// A share of a sequence, spread evenly over it: of 10 elements and 0.3, the fourth, the seventh and the tenth.
struct EvenShare {
    var share: Double

    func contains(_ index: Int) -> Bool { (Double(index + 1) * share).rounded(.down) > (Double(index) * share).rounded(.down) }
}
