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

/// From one request to the next where they come at random: exponentially distributed.
struct RandomGaps {
    let rate: Double
    /// Of the C library's generator, which repeats itself.
    private var state: [UInt16] = [1, 0, 0]

    init(rate: Double) { self.rate = rate }

    mutating func next() -> Duration { .seconds(-log(1 - erand48(&state)) / rate) }
}

/// A share of a sequence, spread evenly over it: of 10 elements and 0.3, the fourth, the seventh and the tenth.
struct EvenShare {
    var share: Double

    func contains(_ index: Int) -> Bool { (Double(index + 1) * share).rounded(.down) > (Double(index) * share).rounded(.down) }
}
