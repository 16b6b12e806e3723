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

    /// How alike the scales of a group's channels are.
    enum Scaling {
        /// One scale, and a zero where the range asks for it: images are concatenated.
        case uniform
        /// Each channel's own, and one zero.
        case perChannel
        /// Of numbers that are never negative, the geometric mean of the two: a convolution reads them. By what a channel's scale is smaller, its
        /// weights are smaller, and finer steps of the one cost coarser steps of the other (Xiao et al., arXiv 2211.10438).
        case balanced
    }

    private let scaling: Scaling
    private var low: [Float]
    private var high: [Float]
    private var histograms: [Histogram] = []

    init(channels: Int, scaling: Scaling) {
        self.scaling = scaling
        low = [Float](repeating: .infinity, count: scaling == .uniform ? 1 : channels)
        high = [Float](repeating: -.infinity, count: scaling == .uniform ? 1 : channels)
    }

    /// First pass: the range.
    mutating func widen(_ channel: Int, _ numbers: UnsafeBufferPointer<Float>) {
        let index = scaling == .uniform ? 0 : channel
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
        let index = scaling == .uniform ? 0 : channel
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
        let code: LinearCode
        if scaling == .perChannel {
            code = LinearCode(scale: ownScales(isSigned: isSigned), zero: [isSigned ? 128 : 0])
        } else {
            let common = best(histograms, candidates(low: low.min() ?? 0, high: high.max() ?? 0, isSigned: isSigned))
            var scales = [common.scale]
            if scaling == .balanced && !isSigned {
                scales = ownScales(isSigned: false).map { bounded((min($0, common.scale) * common.scale).squareRoot()) }
            }
            code = LinearCode(scale: scales, zero: [common.zero])
        }
        let (signal, noise) = histograms.indices.reduce((0.0, 0.0)) { sums, channel in
            let histogram = histograms[channel]
            return (sums.0 + energy(histogram), sums.1 + error(histogram, scale: code.scale(of: channel), zero: code.zero(of: channel)))
        }
        return (code, signal > 0 ? noise / signal : 0)
    }

    private func ownScales(isSigned: Bool) -> [Float] {
        histograms.map { histogram in
            let bound = max(histogram.high / (isSigned ? 127 : 255), isSigned ? -histogram.low / 128 : 0)
            guard bound > 0, bound.isFinite else { return 1 }
            return best([histogram], Self.shares.map { (bounded($0 * bound), isSigned ? 128 : 0) }).scale
        }
    }

    private func best(_ histograms: [Histogram], _ candidates: [(scale: Float, zero: Float)]) -> (scale: Float, zero: Float) {
        let errors = candidates.map { candidate in
            histograms.reduce(0) { $0 + error($1, scale: candidate.scale, zero: candidate.zero) }
        }
        let least = errors.indices.min { errors[$0] < errors[$1] }
        return least.map { candidates[$0] } ?? (1, 0)
    }

    /// Of one code for all channels.
    private func candidates(low: Float, high: Float, isSigned: Bool) -> [(scale: Float, zero: Float)] {
        let (low, high) = (min(0, low), max(0, high))
        guard high > low, (high - low).isFinite else { return [(1, isSigned ? 128 : 0)] }
        return Self.shares.map { share in
            if !isSigned { return (bounded(share * high / 255), 0) }
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
