extension Operation {
    /// Checks the operation's own numbers, without which its output's shape cannot be computed.
    ///
    /// - Throws: `ModelError.network` with the number that is wrong.
    package func validate() throws(ModelError) {
        func require(_ what: String, _ value: Int, in range: ClosedRange<Int>) throws(ModelError) {
            if !range.contains(value) {
                throw .network("operation '\(name)': \(what) must be from \(range.lowerBound) to \(range.upperBound), not \(value)")
            }
        }
        guard !name.isEmpty, name != Network.input else { throw .network("an operation cannot have the name '\(name)'") }
        let (channels, edges) = (1...1 << 16, 1...64)
        switch kind {
        case .convolution(let convolution):
            try require("in_channels", convolution.inputs, in: channels)
            try require("out_channels", convolution.outputs, in: channels)
            try require("kernel_size", convolution.kernel, in: edges)
            try require("stride", convolution.stride, in: edges)
            try require("padding", convolution.padding, in: 0...convolution.kernel)
            try require("groups", convolution.groups, in: channels)
            try require("the size of the weight", parameters[0].count, in: 1...1 << 30)
        case .batchNorm(let norm):
            try require("channels", norm.channels, in: channels)
            guard norm.epsilon >= 0, norm.epsilon < 1 else {
                throw .network("operation '\(name)': eps must be from 0 to 1, not \(norm.epsilon)")
            }
        case .pooling(let pooling):
            try require("kernel_size", pooling.kernel, in: edges)
            try require("stride", pooling.stride, in: edges)
            // Or a window could lie outside the image altogether.
            try require("padding", pooling.padding, in: 0...pooling.kernel / 2)
        case .blurPooling(let blurring):
            try require("stride", blurring.stride, in: 1...2)
        case .linear(let linear):
            try require("in_features", linear.inputs, in: channels)
            try require("out_features", linear.outputs, in: channels)
        case .gate(let gate):
            try require("channels", gate.channels, in: channels)
            try require("hidden", gate.hidden, in: channels)
        case .activation, .globalPooling, .scale, .add, .concatenation: break
        }
    }
}
