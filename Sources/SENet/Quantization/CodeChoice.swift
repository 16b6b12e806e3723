/// What was seen of a group of images that are to share a code, and the code that loses least of it.
struct CodeChoice {
    /// A histogram of numbers between two bounds.
    private struct Histogram {
        var low: Float
        var high: Float
        var counts: [UInt32]
    }

    private static let bins = 1024
    /// Parts of the range that a code may cover, the rest of it saturating.
    private static let shares: [Float] = (0...14).map { 1 - 0.05 * Float($0) }

    private let isUniform: Bool
    private var low: [Float]
    private var high: [Float]
    private var histograms: [Histogram] = []

    init(channels: Int, isUniform: Bool) {
        self.isUniform = isUniform
        low = [Float](repeating: .infinity, count: isUniform ? 1 : channels)
        high = [Float](repeating: -.infinity, count: isUniform ? 1 : channels)
    }

    /// First pass: the range.
    mutating func widen(_ channel: Int, _ numbers: UnsafeBufferPointer<Float>) {
        let index = isUniform ? 0 : channel
        var (lowest, highest) = (low[index], high[index])
        for number in numbers {
            lowest = min(lowest, number)
            highest = max(highest, number)
        }
        (low[index], high[index]) = (lowest, highest)
    }

    /// Between the passes.
    mutating func prepareToCount() {
        histograms = zip(low, high).map { Histogram(low: $0, high: max($1, $0), counts: [UInt32](repeating: 0, count: Self.bins)) }
    }

    /// Second pass: how often each number occurs.
    mutating func count(_ channel: Int, _ numbers: UnsafeBufferPointer<Float>) {
        let index = isUniform ? 0 : channel
        let (low, width) = (histograms[index].low, histograms[index].high - histograms[index].low)
        // What is no number, or overflows, teaches nothing.
        guard width.isFinite else { return }
        let factor = width > 0 ? Float(Self.bins) / width : 0
        histograms[index].counts.withUnsafeMutableBufferPointer { counts in
            for number in numbers {
                let place = (number - low) * factor
                if place.isFinite { counts[max(0, min(Self.bins - 1, Int(place)))] &+= 1 }
            }
        }
    }

    /// The code with the least mean square error, and what that is of the numbers' own mean square.
    func choose() -> (code: LinearCode, noise: Double) {
        let isSigned = low.contains { $0 < 0 }
        // One scale: a zero where the range asks for it. One a channel: the zero is the same for all.
        let allCandidates = histograms.map { candidates($0, isSigned: isSigned) }
        var (signal, noise) = (0.0, 0.0)
        var scales: [Float] = []
        var zero: Float = isSigned ? 128 : 0
        for (histogram, candidates) in zip(histograms, allCandidates) {
            var best: (scale: Float, zero: Float, error: Double) = (1, zero, .infinity)
            for (scale, zero) in candidates {
                let error = error(histogram, scale: scale, zero: zero)
                if error < best.error { best = (scale, zero, error) }
            }
            scales.append(best.scale)
            if isUniform { zero = best.zero }
            noise += best.error
            signal += energy(histogram)
        }
        return (LinearCode(scale: scales, zero: [zero]), signal > 0 ? noise / signal : 0)
    }

    private func candidates(_ histogram: Histogram, isSigned: Bool) -> [(scale: Float, zero: Float)] {
        let (low, high) = (min(0, histogram.low), max(0, histogram.high))
        guard high > low, (high - low).isFinite else { return [(1, isSigned ? 128 : 0)] }
        return Self.shares.map { share in
            if !isSigned { return (bounded(share * high / 255), 0) }
            if !isUniform { return (bounded(share * max(high / 127, -low / 128)), 128) }
            let scale = bounded(share * (high - low) / 255)
            return (scale, max(0, min(255, (-share * low / scale).rounded())))
        }
    }

    /// A channel that is zero everywhere needs a scale all the same.
    private func bounded(_ scale: Float) -> Float { max(1e-10, min(1e10, scale)) }

    private func forEachBin(_ histogram: Histogram, _ body: (Double, Double) -> Void) {
        let width = (histogram.high - histogram.low) / Float(Self.bins)
        for (bin, count) in histogram.counts.enumerated() where count > 0 {
            body(Double(histogram.low + (Float(bin) + 0.5) * width), Double(count))
        }
    }

    private func energy(_ histogram: Histogram) -> Double {
        var sum = 0.0
        forEachBin(histogram) { sum += $0 * $0 * $1 }
        return sum
    }

    private func error(_ histogram: Histogram, scale: Float, zero: Float) -> Double {
        let (scale, zero) = (Double(scale), Double(zero))
        var sum = 0.0
        forEachBin(histogram) { number, count in
            let code = max(0, min(255, (number / scale + zero).rounded()))
            let difference = number - (code - zero) * scale
            sum += difference * difference * count
        }
        return sum
    }
}
