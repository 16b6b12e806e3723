/// The pass that folds: a batch norm becomes a factor and a shift, and those go into the weights of the convolution before it.
extension Checkpoint {
    /// A convolution's weight (outputs, inputs / groups, kernel, kernel) and bias (outputs) with its batch norm folded in, in double:
    /// `w * s` and `b * s + beta - mean * s` with `s = gamma / sqrt(variance + epsilon)`.
    func folded(_ convolution: ConvolutionTensors, norm: NormTensors?) throws(ModelError) -> (weight: [Float], bias: [Float]) {
        var weight = try floats(convolution.weight)
        let outputs = convolution.weight.shape[0]
        var bias = if let bias = convolution.bias { try floats(bias) } else { [Float](repeating: 0, count: outputs) }
        guard let norm else { return (weight, bias) }
        let (factor, shift) = try affine(norm)
        let row = weight.count / outputs
        weight.withUnsafeMutableBufferPointer { weight in
            for output in 0..<outputs {
                let factor = factor[output]
                for index in output * row..<(output + 1) * row { weight[index] = Float(Double(weight[index]) * factor) }
            }
        }
        for output in 0..<outputs { bias[output] = Float(Double(bias[output]) * factor[output] + shift[output]) }
        return (weight, bias)
    }

    /// What a batch norm does to each channel, `x * factor + shift`: `s` and `beta - mean * s`.
    func affine(_ norm: NormTensors) throws(ModelError) -> (factor: [Double], shift: [Double]) {
        let (gamma, beta) = (try floats(norm.weight), try floats(norm.bias))
        let (mean, variance) = (try floats(norm.mean), try floats(norm.variance))
        var (factor, shift) = ([Double](), [Double]())
        for channel in gamma.indices {
            let spread = Double(variance[channel]) + norm.epsilon
            guard variance[channel] >= 0 else {
                throw .weights("tensor '\(norm.variance.name)' holds the negative variance \(variance[channel])")
            }
            guard spread > 0 else { throw .weights("tensor '\(norm.variance.name)' holds a variance of 0, and epsilon is 0 too") }
            factor.append(Double(gamma[channel]) / spread.squareRoot())
            shift.append(Double(beta[channel]) - Double(mean[channel]) * factor[channel])
        }
        return (factor, shift)
    }
}
