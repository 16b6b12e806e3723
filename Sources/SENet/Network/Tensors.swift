/// A tensor that an operation takes from the checkpoint.
public struct Parameter: Sendable, Equatable {
    public var name: String
    public var shape: [Int]
    /// Running statistics are stored with the weights but not counted as parameters, as in PyTorch.
    public var isStatistic = false

    public var count: Int { shape.reduce(1, *) }
}

/// The tensors of a convolution: its weight (outputs, inputs / groups, kernel, kernel) and bias (outputs).
struct ConvolutionTensors: Sendable, Equatable {
    var weight: Parameter
    var bias: Parameter?

    var all: [Parameter] { [weight] + [bias].compactMap { $0 } }
}

/// The tensors of a batch norm, (channels) each, and its epsilon.
struct NormTensors: Sendable, Equatable {
    var weight: Parameter
    var bias: Parameter
    var mean: Parameter
    var variance: Parameter
    var epsilon: Double

    var all: [Parameter] { [weight, bias, mean, variance] }
}

/// The tensors of a fully connected layer: its weight (outputs, inputs), with two more dimensions of size 1 in a gate, and bias (outputs).
struct LinearTensors: Sendable, Equatable {
    var weight: Parameter
    var bias: Parameter

    var all: [Parameter] { [weight, bias] }
}

extension Convolution {
    /// Of the operation `name`.
    func tensors(of name: String) -> ConvolutionTensors {
        ConvolutionTensors(
            weight: Parameter(name: "\(name).weight", shape: [outputs, inputs / groups, kernel, kernel]),
            bias: bias ? Parameter(name: "\(name).bias", shape: [outputs]) : nil)
    }
}

extension BatchNorm {
    /// Of the operation `name`.
    func tensors(of name: String) -> NormTensors {
        NormTensors(
            weight: Parameter(name: "\(name).weight", shape: [channels]), bias: Parameter(name: "\(name).bias", shape: [channels]),
            mean: Parameter(name: "\(name).running_mean", shape: [channels], isStatistic: true),
            variance: Parameter(name: "\(name).running_var", shape: [channels], isStatistic: true), epsilon: epsilon)
    }
}

extension Linear {
    /// Of the operation `name`.
    func tensors(of name: String) -> LinearTensors {
        LinearTensors(
            weight: Parameter(name: "\(name).weight", shape: [outputs, inputs]), bias: Parameter(name: "\(name).bias", shape: [outputs]))
    }
}

extension Gate {
    /// Of the two layers of the operation `name`.
    func tensors(of name: String) -> (squeeze: LinearTensors, excite: LinearTensors) {
        func layer(_ layer: String, _ inputs: Int, _ outputs: Int) -> LinearTensors {
            LinearTensors(
                weight: Parameter(name: "\(name).\(layer).weight", shape: [outputs, inputs, 1, 1]),
                bias: Parameter(name: "\(name).\(layer).bias", shape: [outputs]))
        }
        return (layer("fc1", channels, hidden), layer("fc2", hidden, channels))
    }
}

extension Operation {
    /// The tensors of this operation, named as in the checkpoint.
    public var parameters: [Parameter] {
        switch kind {
        case .convolution(let convolution): convolution.tensors(of: name).all
        case .batchNorm(let norm): norm.tensors(of: name).all
        case .linear(let linear): linear.tensors(of: name).all
        case .gate(let gate): gate.tensors(of: name).squeeze.all + gate.tensors(of: name).excite.all
        case .activation, .pooling, .blurPooling, .globalPooling, .scale, .add, .concatenation: []
        }
    }
}
