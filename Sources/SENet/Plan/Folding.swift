extension Checkpoint {
    /// A convolution's weight (outputs, inputs / groups, kernel, kernel) and bias (outputs) with its batch norm folded in, in double:
    /// `w * s` and `(b - mean) * s + beta` with `s = gamma / sqrt(variance + epsilon)`.
    func folded(_ convolution: Operation, norm: Operation?) throws(ModelError) -> (weight: [Float], bias: [Float]) {
        let tensors = convolution.parameters
        var weight = try floats(tensors[0])
        let outputs = tensors[0].shape[0]
        var bias = tensors.count > 1 ? try floats(tensors[1]) : [Float](repeating: 0, count: outputs)
        guard let norm, case .batchNorm(let batchNorm) = norm.kind else { return (weight, bias) }
        let statistics = norm.parameters
        let (gamma, beta) = (try floats(statistics[0]), try floats(statistics[1]))
        let (mean, variance) = (try floats(statistics[2]), try floats(statistics[3]))
        let row = weight.count / outputs
        for output in 0..<outputs {
            let spread = Double(variance[output]) + batchNorm.epsilon
            guard spread > 0 else { throw .weights("tensor '\(statistics[3].name)' holds the negative variance \(variance[output])") }
            let scale = Double(gamma[output]) / spread.squareRoot()
            for index in output * row..<(output + 1) * row { weight[index] = Float(Double(weight[index]) * scale) }
            bias[output] = Float((Double(bias[output]) - Double(mean[output])) * scale + Double(beta[output]))
        }
        return (weight, bias)
    }
}
