/// For each output position along one axis: where its source samples begin, and their weights in fixed point.
///
/// Pillow computes 8-bit images with weights of 22 fractional bits in 32-bit sums. The same sums are had from 16-bit multiplications
/// by cutting each weight in two, `weight = high * 4096 + low` with 0 <= low < 4096: integer sums wrap modulo 2^32, so that
/// `(Σ high * sample) << 12 + Σ low * sample` is bit for bit Pillow's sum, in any order of addition.
///
/// An axis that keeps its size needs no case of its own: its weights come out as exactly 2^22 and 0, which copy.
struct ResampleTable {
    /// Pillow's PRECISION_BITS.
    static let fractionBits: Int32 = 22
    static let lowBits: Int32 = 12

    /// First source position of each output's weights, (outputs).
    private(set) var starts: [Int] = []
    /// Weights of each output, padded with zeros to `stride`, (outputs, stride).
    private(set) var high: [Int16] = []
    private(set) var low: [Int16] = []
    let stride: Int
    /// Source positions that have any weight.
    private(set) var used: Range<Int>

    /// - Parameters:
    ///   - source: the axis's length in the source.
    ///   - target: its length after resizing.
    ///   - window: the output positions wanted, within `0..<target`.
    ///   - block: starts are multiples of `startStep`, and `stride` is one of `block`: what the loops that read the table need.
    init(_ interpolation: Interpolation, source: Int, target: Int, window: Range<Int>, startStep: Int, block: Int) {
        let scale = Double(source) / Double(target)
        let filterScale = max(scale, 1)
        let support = interpolation.support * filterScale
        let taps = interpolation == .nearest ? 1 : Int(support.rounded(.up)) * 2 + 1
        stride = (taps + startStep - 1 + block - 1) / block * block
        used = 0..<0
        starts.reserveCapacity(window.count)
        high = [Int16](repeating: 0, count: window.count * stride)
        low = high

        if interpolation == .nearest {
            for (index, position) in Self.nearest(source: source, scale: scale, window: window).enumerated() {
                // A position past the end, which rounding can bring about, stays black, as in Pillow.
                append(index, first: min(position, source - 1), weights: position < source ? [1] : [0], startStep)
            }
            return
        }
        let inverse = 1 / filterScale
        var weights: [Double] = []
        weights.reserveCapacity(taps)
        for (index, output) in window.enumerated() {
            let center = (Double(output) + 0.5) * scale
            let first = max(0, Int(center - support + 0.5))
            let end = min(source, Int(center + support + 0.5))
            weights.removeAll(keepingCapacity: true)
            var sum = 0.0
            for position in first..<max(first, end) {
                let weight = interpolation.weight((Double(position) - center + 0.5) * inverse)
                weights.append(weight)
                sum += weight
            }
            if sum != 0 {
                for tap in weights.indices { weights[tap] /= sum }
            }
            append(index, first: first, weights: weights, startStep)
        }
    }

    private mutating func append(_ index: Int, first: Int, weights: [Double], _ startStep: Int) {
        let start = first - first % startStep
        starts.append(start)
        for (tap, weight) in weights.enumerated() {
            // Half away from zero.
            let fixed = Int32(weight * Double(1 << Self.fractionBits) + (weight < 0 ? -0.5 : 0.5))
            high[index * stride + first - start + tap] = Int16(fixed >> Self.lowBits)
            low[index * stride + first - start + tap] = Int16(fixed & ((1 << Self.lowBits) - 1))
        }
        let positions = first..<first + weights.count
        used = used.isEmpty ? positions : min(used.lowerBound, positions.lowerBound)..<max(used.upperBound, positions.upperBound)
    }

    /// Pillow walks the axis by adding the scale again and again, so the walk begins at 0 wherever the window does.
    private static func nearest(source: Int, scale: Double, window: Range<Int>) -> [Int] {
        var at = scale * 0.5
        for _ in 0..<window.lowerBound { at += scale }
        return window.map { _ in
            defer { at += scale }
            return Int(at)
        }
    }
}
