/// When requests are due: at a constant rate, whatever became of those before.
struct Arrivals {
    /// Requests a second.
    var rate: Double
    /// Seconds.
    var duration: Double

    /// At least one.
    var count: Int { max(1, Int((rate * duration).rounded())) }

    /// From the start to the request of that index.
    func offset(_ index: Int) -> Duration { .seconds(Double(index) / rate) }
}

/// A share of a sequence, spread evenly over it: of 10 elements and 0.3, the fourth, the seventh and the tenth.
struct EvenShare {
    var share: Double

    func contains(_ index: Int) -> Bool { (Double(index + 1) * share).rounded(.down) > (Double(index) * share).rounded(.down) }
}
