/// A network as data: operations over named values, in the order in which they run. Knows nothing of memory, layouts or instruction sets.
///
/// In JSON: `name`, `input_channels` and `operations`; an operation has `name`, `operation` (its kind), `inputs` and the kind's own keys, all of
/// them required.
public struct Network: Codable, Sendable, Equatable {
    /// The value that the network reads: an image (channels, height, width).
    public static let input = "input"

    public var name: String
    public var inputChannels: Int
    public var operations: [Operation]

    public init(name: String, inputChannels: Int, operations: [Operation]) {
        self.name = name
        self.inputChannels = inputChannels
        self.operations = operations
    }

    /// All tensors, in the order of the operations.
    public var parameters: [Parameter] { operations.flatMap(\.parameters) }

    /// Trainable parameters, counted as PyTorch does: running statistics left out.
    public var parameterCount: Int { parameters.reduce(0) { $0 + ($1.isStatistic ? 0 : $1.count) } }
}

/// The shape of a value of one image: (channels, height, width). A vector has height and width 1.
public struct Shape: Sendable, Equatable, CustomStringConvertible {
    public var channels: Int
    public var height: Int
    public var width: Int

    public init(channels: Int, height: Int, width: Int) {
        self.channels = channels
        self.height = height
        self.width = width
    }

    public var pixels: Int { height * width }
    public var count: Int { channels * pixels }
    public var description: String { "\(channels)×\(height)×\(width)" }
}

extension Network {
    /// The last value: the logits, one a class.
    public var output: String { operations.last?.name ?? Self.input }
}

extension Operation {
    package func outputShape(_ inputs: [Shape]) throws(ModelError) -> Shape {
        guard inputCounts.contains(inputs.count), let first = inputs.first else {
            let expected =
                inputCounts.upperBound == .max ? "\(inputCounts.lowerBound) values or more" : "\(inputCounts.lowerBound) value(s)"
            throw .network("operation '\(name)' takes \(expected), not \(inputs.count)")
        }
        func require(_ condition: Bool, _ what: String) throws(ModelError) {
            if !condition {
                throw .network("operation '\(name)' cannot take \(inputs.map(\.description).joined(separator: " and ")): \(what)")
            }
        }
        switch kind {
        case .convolution(let convolution):
            try require(first.channels == convolution.inputs, "it has \(convolution.inputs) input channels")
            try require(
                convolution.groups > 0 && convolution.inputs % convolution.groups == 0 && convolution.outputs % convolution.groups == 0,
                "its channels do not divide into \(convolution.groups) groups")
            let size = [first.height, first.width].map { ($0 + 2 * convolution.padding - convolution.kernel) / convolution.stride + 1 }
            try require(min(first.height, first.width) + 2 * convolution.padding >= convolution.kernel, "it is smaller than the kernel")
            return Shape(channels: convolution.outputs, height: size[0], width: size[1])
        case .batchNorm(let norm):
            try require(first.channels == norm.channels, "it has \(norm.channels) channels")
            return first
        case .pooling(let pooling):
            try require(
                min(first.height, first.width) + 2 * pooling.padding >= pooling.kernel || pooling.ceil, "it is smaller than the window")
            return Shape(channels: first.channels, height: pooling.outputSize(first.height), width: pooling.outputSize(first.width))
        case .linear(let linear):
            try require(first.pixels == 1 && first.channels == linear.inputs, "it takes a vector of \(linear.inputs)")
            return Shape(channels: linear.outputs, height: 1, width: 1)
        case .gate(let gate):
            try require(first.channels == gate.channels, "it has \(gate.channels) channels")
            return Shape(channels: gate.channels, height: 1, width: 1)
        case .blurPooling(let blurring):
            try require(blurring.padding == .zeros || min(first.height, first.width) > 1, "there is nothing to reflect")
            let size = [first.height, first.width].map { ($0 - 1) / blurring.stride + 1 }
            return Shape(channels: first.channels, height: size[0], width: size[1])
        case .globalPooling:
            return Shape(channels: first.channels, height: 1, width: 1)
        case .activation:
            return first
        case .scale:
            try require(inputs[1] == Shape(channels: first.channels, height: 1, width: 1), "the factors must be one a channel")
            return first
        case .add:
            try require(inputs[1] == first, "the shapes differ")
            return first
        case .concatenation:
            try require(inputs.allSatisfy { ($0.height, $0.width) == (first.height, first.width) }, "their heights and widths differ")
            return Shape(channels: inputs.reduce(0) { $0 + $1.channels }, height: first.height, width: first.width)
        }
    }

    /// How many values it reads.
    private var inputCounts: ClosedRange<Int> {
        switch kind {
        case .scale, .add: 2...2
        case .concatenation: 2...Int.max
        default: 1...1
        }
    }

    /// Multiply-accumulates of one image, counted as timm's tables do: convolutions and linear layers, the gate's two layers among them.
    public func multiplyAccumulates(output: Shape) -> Int {
        switch kind {
        case .convolution(let convolution): output.count * convolution.inputs / convolution.groups * convolution.kernel * convolution.kernel
        case .linear(let linear): linear.inputs * linear.outputs
        case .gate(let gate): 2 * gate.channels * gate.hidden
        case .batchNorm, .activation, .pooling, .blurPooling, .globalPooling, .scale, .add, .concatenation: 0
        }
    }
}

extension Pooling {
    /// Rows or columns of the output for an input of `size` (PyTorch's rule: in ceil mode the last window must begin inside the image or
    /// its left padding).
    func outputSize(_ size: Int) -> Int {
        let span = size + 2 * padding - kernel
        guard ceil else { return span / stride + 1 }
        let count = max(0, span + stride - 1) / stride + 1
        return (count - 1) * stride >= size + padding ? count - 1 : count
    }
}
