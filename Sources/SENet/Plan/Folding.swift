extension Checkpoint {
    /// A convolution's weight (outputs, inputs / groups, kernel, kernel) and bias (outputs) with its batch norm folded in, in double:
    /// `w * s` and `b * s + beta - mean * s` with `s = gamma / sqrt(variance + epsilon)`.
    func folded(_ convolution: Operation, norm: Operation?) throws(ModelError) -> (weight: [Float], bias: [Float]) {
        let tensors = convolution.parameters
        var weight = try floats(tensors[0])
        let outputs = tensors[0].shape[0]
        var bias = tensors.count > 1 ? try floats(tensors[1]) : [Float](repeating: 0, count: outputs)
        guard let norm else { return (weight, bias) }
        let (factor, shift) = try affine(norm)
        let row = weight.count / outputs
        for output in 0..<outputs {
            for index in output * row..<(output + 1) * row { weight[index] = Float(Double(weight[index]) * factor[output]) }
            bias[output] = Float(Double(bias[output]) * factor[output] + shift[output])
        }
        return (weight, bias)
    }

    /// What a batch norm does to each channel, `x * factor + shift`: `s` and `beta - mean * s`.
    func affine(_ norm: Operation) throws(ModelError) -> (factor: [Double], shift: [Double]) {
        guard case .batchNorm(let batchNorm) = norm.kind else { throw .network("'\(norm.name)' is no batch norm") }
        let tensors = norm.parameters
        let (gamma, beta) = (try floats(tensors[0]), try floats(tensors[1]))
        let (mean, variance) = (try floats(tensors[2]), try floats(tensors[3]))
        var (factor, shift) = ([Double](), [Double]())
        for channel in 0..<batchNorm.channels {
            let spread = Double(variance[channel]) + batchNorm.epsilon
            guard variance[channel] >= 0 else {
                throw .weights("tensor '\(tensors[3].name)' holds the negative variance \(variance[channel])")
            }
            guard spread > 0 else { throw .weights("tensor '\(tensors[3].name)' holds a variance of 0, and epsilon is 0 too") }
            factor.append(Double(gamma[channel]) / spread.squareRoot())
            shift.append(Double(beta[channel]) - Double(mean[channel]) * factor[channel])
        }
        return (factor, shift)
    }
}
