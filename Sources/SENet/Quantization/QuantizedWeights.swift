/// A convolution's weights in 8 bits.
struct QuantizedWeights: Sendable {
    /// (O, C/G, R, S), row-major.
    let weights: [Int8]
    /// One an output channel.
    let scale: [Float]
    let bias: [Float]
    /// The mean square of what the rounding changes in the outputs, of how much they vary.
    let noise: Double

    private static let shares: [Float] = (0...10).map { 1 - 0.05 * Float($0) }

    /// - Parameters:
    ///   - weight, bias: folded; see `Checkpoint.folded`.
    ///   - code: the input's.
    ///   - input: what was seen of it in the calibration images.
    init(_ convolution: Convolution, weight: [Float], bias: [Float], code: LinearCode, input: InputCovariance) {
        let window = convolution.kernel * convolution.kernel
        let (depth, rows) = (convolution.inputs / convolution.groups, convolution.outputs / convolution.groups)
        let taps = depth * window
        let means = input.means()
        var (integers, scales, biases) = ([Int8](), [Float](), bias)
        var (signal, noise) = (0.0, 0.0)
        for group in 0..<convolution.groups {
            let codes = (group * depth..<(group + 1) * depth).map { code.scale(of: $0) }
            /// In units of the input's codes, then of the row's scale.
            var values = (0..<rows * taps).map { weight[group * rows * taps + $0] * codes[$0 % taps / window] }
            let groupScales = (0..<rows).map { Self.scale(of: values[$0 * taps..<($0 + 1) * taps]) }
            for index in values.indices { values[index] = groupScales[index / taps] > 0 ? values[index] / groupScales[index / taps] : 0 }
            let rounding = LinearRounding(input.matrix(group: group, scales: codes), size: taps)
            let (rounded, errors) = rounding.round(values, rows: rows, in: -127...127)
            let energies = rounding.energies(of: values, rows: rows)
            for row in 0..<rows {
                let scale = Double(groupScales[row])
                signal += scale * scale * energies[row]
                noise += scale * scale * errors[row]
                let shift = (0..<taps).reduce(0.0) { sum, tap in
                    let difference = Double(rounded[row * taps + tap]) - Double(values[row * taps + tap])
                    return sum + difference * means[group * taps + tap] / Double(codes[tap / window])
                }
                // What the rounding adds to every pixel on average is known, and is taken off again (Nagel et al., arXiv 1906.04721, section 4.2).
                biases[group * rows + row] -= Float(scale * shift)
            }
            integers += rounded.map { Int8($0) }
            scales += groupScales
        }
        (self.weights, scale, self.bias) = (integers, scales, biases)
        self.noise = signal > 0 ? noise / signal : 0
    }

    /// The scale with the least mean square error.
    private static func scale(of values: ArraySlice<Float>) -> Float {
        let largest = values.reduce(0) { max($0, abs($1)) }
        guard largest > 0, largest.isFinite else { return 0 }
        let samples = WeightedSamples(values.lazy.map { (Double($0), 1) })
        var best: (scale: Float, error: Double) = (largest / 127, .infinity)
        for share in shares {
            let scale = share * largest / 127
            guard scale > 0 else { continue }
            let error = samples.error(scale: scale, codes: -127...127)
            if error < best.error { best = (scale, error) }
        }
        return best.scale
    }
}
