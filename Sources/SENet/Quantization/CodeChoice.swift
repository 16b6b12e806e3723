import Glibc

/// What was seen of a group of images that are to share a code, and the code that loses least of it.
struct CodeChoice {
    /// A histogram of numbers between two bounds.
    private struct Histogram {
        var low: Float
        var high: Float
        var counts: [UInt32]
    }

    /// What occurs of a histogram.
    private struct Seen {
        /// The middles of the bins that are not empty.
        let samples: WeightedSamples
        /// From the first of those bins to the last one; nil where nothing but zero occurs.
        let range: (low: Float, high: Float)?

        init(_ histogram: Histogram) {
            let width = (histogram.high - histogram.low) / Float(CodeChoice.bins)
            let bins = histogram.counts.indices.filter { histogram.counts[$0] > 0 }
            samples = WeightedSamples(
                bins.lazy.map { (Double(histogram.low + (Float($0) + 0.5) * width), Double(histogram.counts[$0])) })
            if let first = bins.first, let last = bins.last, histogram.low < 0 || histogram.high > 0 {
                range = (histogram.low + Float(first) * width, histogram.low + Float(last + 1) * width)
            } else {
                range = nil
            }
        }

        func error(scale: Float, zero: Float) -> Double { samples.error(scale: scale, codes: -Double(zero)...255 - Double(zero)) }
    }

    private static let bins = 1024
    /// Parts of the range that a code may cover, the rest of it saturating.
    private static let shares: [Float] = (0...14).map { 1 - 0.05 * Float($0) }
    /// How far a channel's scale may go from the common one to the channel's own.
    private static let steps: [Float] = [0, 0.25, 0.5, 0.75, 1]

    /// How alike the scales of a group's channels are.
    enum Scaling {
        /// One scale, and a zero where the range asks for it: images are concatenated.
        case uniform
        /// Up to each channel's own, and one zero.
        case perChannel
        /// Of numbers that are never negative, up to the geometric mean of the two: a convolution reads them. By what a channel's scale is
        /// smaller, its weights are smaller, and finer steps of the one cost coarser steps of the other (Xiao et al., arXiv 2211.10438).
        case balanced
    }

    /// Scales that were learned from some of the images.
    private struct Scales {
        var common: (scale: Float, zero: Float)
        /// Those of single channels, none larger than the common one.
        var own: [Float]
    }

    private let scaling: Scaling
    private var low: [Float]
    private var high: [Float]
    /// Of each half of the images, by channel.
    private var halves: [[Histogram]] = []

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
        let empty = zip(low, high).map { Histogram(low: $0, high: max($1, $0), counts: [UInt32](repeating: 0, count: Self.bins)) }
        halves = [empty, empty]
    }

    /// Second pass: how often each number occurs.
    ///
    /// - Parameter half: 0 for the images of the first half, then 1.
    mutating func count(_ channel: Int, _ numbers: UnsafeBufferPointer<Float>, half: Int) {
        let index = scaling == .uniform ? 0 : channel
        let (low, width) = (low[index], halves[half][index].high - low[index])
        // What is no number, or overflows, teaches nothing.
        guard width.isFinite else { return }
        let factor = width > 0 ? Float(Self.bins) / width : 0
        halves[half][index].counts.withUnsafeMutableBufferPointer { counts in
            for number in numbers {
                let place = (number - low) * factor
                if place.isFinite { counts[max(0, min(Self.bins - 1, Int(place)))] &+= 1 }
            }
        }
    }

    /// The code with the least mean square error, and what that is of the numbers' own mean square.
    func choose() -> (code: LinearCode, noise: Double) {
        let isSigned = low.contains { $0 < 0 }
        let halves = halves.map { $0.map(Seen.init) }
        let scales = learn(from: halves, isSigned: isSigned)
        let isCommon = scaling == .uniform || scaling == .balanced && isSigned
        let code =
            isCommon
            ? LinearCode(scale: [scales.common.scale], zero: [scales.common.zero])
            : blend(scales, step: step(from: halves, isSigned: isSigned))
        return (code, error(of: code, in: halves) / max(halves.joined().reduce(0) { $0 + $1.samples.energy }, .leastNormalMagnitude))
    }

    /// A feature that few images have may be larger in others than in any that was seen, and a scale that fits those closely cuts it off. How
    /// closely scales may fit is what has the least error where scales that were learned from one half of the images serve the other half.
    private func step(from halves: [[Seen]], isSigned: Bool) -> Float {
        let learned = halves.map { learn(from: [$0], isSigned: isSigned) }
        let errors = Self.steps.map { step in
            error(of: blend(learned[0], step: step), in: [halves[1]]) + error(of: blend(learned[1], step: step), in: [halves[0]])
        }
        return errors.indices.min { errors[$0] < errors[$1] }.map { Self.steps[$0] } ?? 0
    }

    /// Scales that are that far from the common one to the channels' own, in proportion; half as far where a convolution reads them.
    private func blend(_ scales: Scales, step: Float) -> LinearCode {
        let exponent = scaling == .balanced ? step / 2 : step
        return LinearCode(
            scale: scales.own.map { bounded(scales.common.scale * Float(pow(Double($0 / scales.common.scale), Double(exponent)))) },
            zero: [scales.common.zero])
    }

    private func learn(from halves: [[Seen]], isSigned: Bool) -> Scales {
        // Channels of their own have one zero, in the middle.
        let isCentered = scaling == .perChannel && isSigned
        func scale(_ seen: [Seen]) -> (scale: Float, zero: Float) {
            let ranges = seen.compactMap(\.range)
            let (low, high) = (ranges.map(\.low).min() ?? 0, ranges.map(\.high).max() ?? 0)
            return best(seen, candidates(low: low, high: high, isSigned: isSigned, isCentered: isCentered))
        }
        let common = scale(Array(halves.joined()))
        guard scaling != .uniform else { return Scales(common: common, own: []) }
        let own = low.indices.map { channel in
            let seen = halves.map { $0[channel] }
            return seen.contains { $0.range != nil } ? min(scale(seen).scale, common.scale) : common.scale
        }
        return Scales(common: common, own: own)
    }

    private func best(_ seen: [Seen], _ candidates: [(scale: Float, zero: Float)]) -> (scale: Float, zero: Float) {
        let errors = candidates.map { candidate in
            seen.reduce(0) { $0 + $1.error(scale: candidate.scale, zero: candidate.zero) }
        }
        let least = errors.indices.min { errors[$0] < errors[$1] }
        return least.map { candidates[$0] } ?? (1, 0)
    }

    private func candidates(low: Float, high: Float, isSigned: Bool, isCentered: Bool) -> [(scale: Float, zero: Float)] {
        let (low, high) = (min(0, low), max(0, high))
        guard high > low, (high - low).isFinite else { return [(1, isSigned ? 128 : 0)] }
        return Self.shares.map { share in
            if isCentered { return (bounded(share * max(high / 127, -low / 128)), 128) }
            if !isSigned { return (bounded(share * high / 255), 0) }
            let scale = bounded(share * (high - low) / 255)
            return (scale, max(0, min(255, (-share * low / scale).rounded())))
        }
    }

    /// A channel that is zero everywhere needs a scale all the same.
    private func bounded(_ scale: Float) -> Float { max(1e-10, min(1e10, scale)) }

    private func error(of code: LinearCode, in halves: [[Seen]]) -> Double {
        halves.reduce(0.0) { sum, seen in
            seen.indices.reduce(sum) { $0 + seen[$1].error(scale: code.scale(of: $1), zero: code.zero(of: $1)) }
        }
    }
}
