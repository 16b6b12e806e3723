/// For each output position along one axis: where its source samples begin, how many there are, and their weights in fixed point,
/// by Pillow's arithmetic for 8-bit images.
///
/// An axis that keeps its size needs no case of its own: its weights come out as exactly 1 and 0, which copy.
struct ResampleTable {
    /// Pillow's PRECISION_BITS: of 32 bits, 8 are the sample's and 2 leave room for weights beyond 1 and below 0.
    static let fractionBits: Int32 = 22

    /// First source position of each output, (outputs). Never falling, nor are the ends.
    private(set) var starts: [Int] = []
    /// Source positions of each output, at most `stride`, (outputs).
    private(set) var counts: [Int] = []
    /// (outputs, stride)
    private(set) var weights: [Int32]
    let stride: Int
    /// Source positions between the first and the last that have any weight.
    private(set) var used: Range<Int>

    /// - Parameters:
    ///   - source: the axis's length in the source.
    ///   - target: its length after resizing.
    ///   - window: the output positions wanted, within `0..<target`; not empty.
    init(_ interpolation: Interpolation, source: Int, target: Int, window: Range<Int>) {
        let scale = Double(source) / Double(target)
        let filterScale = max(scale, 1)
        let support = interpolation.support * filterScale
        stride = interpolation == .nearest ? 1 : Int(support.rounded(.up)) * 2 + 1
        weights = [Int32](repeating: 0, count: window.count * stride)
        used = 0..<0
        starts.reserveCapacity(window.count)
        counts.reserveCapacity(window.count)

        if interpolation == .nearest {
            for position in Self.nearest(scale: scale, window: window) {
                // A position past the end, which rounding can bring about, stays black, as in Pillow.
                append(first: min(position, source - 1), [position < source ? 1 : 0])
            }
        } else {
            let inverse = 1 / filterScale
            var taps: [Double] = []
            taps.reserveCapacity(stride)
            for output in window {
                let center = (Double(output) + 0.5) * scale
                let first = max(0, Int(center - support + 0.5))
                let end = min(source, Int(center + support + 0.5))
                taps.removeAll(keepingCapacity: true)
                var sum = 0.0
                for position in first..<max(first, end) {
                    let tap = interpolation.weight((Double(position) - center + 0.5) * inverse)
                    taps.append(tap)
                    sum += tap
                }
                if sum != 0 {
                    for index in taps.indices { taps[index] /= sum }
                }
                append(first: first, taps)
            }
        }
        if let first = starts.first, let last = starts.last, let count = counts.last { used = first..<last + count }
    }

    /// The table for the axis taken from its other end: what was the last output is the first.
    func mirrored(source: Int) -> ResampleTable {
        var mirrored = self
        let outputs = starts.count
        for output in 0..<outputs {
            let original = outputs - 1 - output
            let count = counts[original]
            mirrored.starts[output] = source - starts[original] - count
            mirrored.counts[output] = count
            for tap in 0..<count { mirrored.weights[output * stride + tap] = weights[original * stride + count - 1 - tap] }
        }
        mirrored.used = source - used.upperBound..<source - used.lowerBound
        return mirrored
    }

    private mutating func append(first: Int, _ taps: [Double]) {
        let row = starts.count * stride
        for (index, tap) in taps.enumerated() {
            // Half away from zero.
            weights[row + index] = Int32(tap * Double(1 << Self.fractionBits) + (tap < 0 ? -0.5 : 0.5))
        }
        starts.append(first)
        counts.append(taps.count)
    }

    /// Pillow walks the axis by adding the scale again and again, so the walk begins at 0 wherever the window does.
    private static func nearest(scale: Double, window: Range<Int>) -> [Int] {
        var at = scale * 0.5
        for _ in 0..<window.lowerBound { at += scale }
        return window.map { _ in
            defer { at += scale }
            return Int(at)
        }
    }
}
