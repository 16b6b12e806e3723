/// A convolution's weights in 8 bits.
struct QuantizedWeights: Sendable {
    /// (O, C/G, R, S), row-major.
    let weights: [Int8]
    /// One an output channel.
    let scale: [Float]
    let bias: [Float]
    /// The mean square of what the rounding changed, of the weights' own.
    let noise: Double

    private static let shares: [Float] = (0...10).map { 1 - 0.05 * Float($0) }

    /// - Parameters:
    ///   - weight, bias: folded; see `Checkpoint.folded`.
    ///   - code: the input's.
    ///   - means: of each channel of the input, over the calibration images.
    init(_ convolution: Convolution, weight: [Float], bias: [Float], code: LinearCode, means: [Double]) {
        let window = convolution.kernel * convolution.kernel
        let (depth, groupOutputs) = (convolution.inputs / convolution.groups, convolution.outputs / convolution.groups)
        var weights = [Int8](repeating: 0, count: weight.count)
        var (scales, biases) = ([Float](), bias)
        var (signal, noise) = (0.0, 0.0)
        for output in 0..<convolution.outputs {
            let row = output * depth * window..<(output + 1) * depth * window
            let first = output / groupOutputs * depth
            /// In units of the input's codes.
            let values = row.map { weight[$0] * code.scale(of: first + ($0 - row.lowerBound) / window) }
            let scale = Self.scale(of: values)
            scales.append(scale)
            var shift = 0.0
            var feedback = ErrorFeedback()
            for (index, value) in values.enumerated() {
                var integer: Int8 = 0
                _ = feedback.round(value, limit: scale / 2) {
                    integer = Self.integer($0, scale)
                    return Float(integer) * scale
                }
                weights[row.lowerBound + index] = integer
                let difference = Double(integer) * Double(scale) - Double(value)
                signal += Double(value) * Double(value)
                noise += difference * difference
                let channel = first + index / window
                shift += difference * means[channel] / Double(code.scale(of: channel))
            }
            // What the rounding adds to every pixel on average is known, and is taken off again (Nagel et al., arXiv 1906.04721, section 4.2).
            biases[output] -= Float(shift)
        }
        (self.weights, scale, self.bias) = (weights, scales, biases)
        self.noise = signal > 0 ? noise / signal : 0
    }

    /// The scale with the least mean square error.
    private static func scale(of values: [Float]) -> Float {
        let largest = values.reduce(0) { max($0, abs($1)) }
        guard largest > 0, largest.isFinite else { return 0 }
        var best: (scale: Float, error: Double) = (largest / 127, .infinity)
        for share in shares {
            let scale = share * largest / 127
            guard scale > 0 else { continue }
            let error = values.reduce(0.0) {
                let difference = Double(integer($1, scale)) * Double(scale) - Double($1)
                return $0 + difference * difference
            }
            if error < best.error { best = (scale, error) }
        }
        return best.scale
    }

    private static func integer(_ value: Float, _ scale: Float) -> Int8 {
        scale > 0 ? Int8(max(-127, min(127, (value / scale).rounded(.toNearestOrEven)))) : 0
    }
}
