/// One operation of a network: what it computes, from which values, with which tensors of the checkpoint.
///
/// The operation's name is the module's path in the checkpoint (`layer1.0.conv1`), the prefix of its tensors' names, and the name of the
/// value that it makes.
public struct Operation: Sendable, Equatable {
    public var name: String
    /// Names of the values it reads, in order.
    public var inputs: [String]
    public var kind: Kind

    public init(_ name: String, _ kind: Kind, inputs: [String]) {
        self.name = name
        self.kind = kind
        self.inputs = inputs
    }

    public enum Kind: Sendable, Equatable {
        case convolution(Convolution)
        case batchNorm(BatchNorm)
        case activation(Activation)
        case pooling(Pooling)
        case blurPooling(BlurPooling)
        /// The mean or the largest of each channel: (C, H, W) → (C, 1, 1).
        case globalPooling(Pooling.Operator)
        case linear(Linear)
        /// Squeeze and excitation: (C, H, W) → one factor a channel, (C, 1, 1).
        case gate(Gate)
        /// The first input times the second, one factor a channel.
        case scale
        case add
        /// The channels of all inputs, in their order: two inputs or more of one height and width.
        case concatenation
    }
}

/// A two-dimensional convolution, its weight (outputs, inputs / groups, kernel, kernel).
public struct Convolution: Codable, Sendable, Equatable {
    public var inputs: Int
    public var outputs: Int
    public var kernel: Int
    public var stride: Int
    /// Zeros added on each side.
    public var padding: Int
    public var groups: Int
    public var bias: Bool

    public init(inputs: Int, outputs: Int, kernel: Int, stride: Int = 1, padding: Int? = nil, groups: Int = 1, bias: Bool = false) {
        self.inputs = inputs
        self.outputs = outputs
        self.kernel = kernel
        self.stride = stride
        self.padding = padding ?? kernel / 2
        self.groups = groups
        self.bias = bias
    }
}

/// Batch normalisation with running statistics: `(x - mean) / sqrt(variance + epsilon) * weight + bias`.
public struct BatchNorm: Codable, Sendable, Equatable {
    public var channels: Int
    public var epsilon: Double

    public init(channels: Int, epsilon: Double = 1e-5) {
        self.channels = channels
        self.epsilon = epsilon
    }
}

public enum Activation: String, Codable, Sendable {
    case relu
    case sigmoid
    case tanh
    /// `x * sigmoid(x)`.
    case silu
}

/// Max or average pooling. Windows are clipped to the image; an average divides by the clipped window's area, as PyTorch does with
/// `count_include_pad=False`, or counts the padding too, as Caffe does.
public struct Pooling: Codable, Sendable, Equatable {
    public enum Operator: String, Codable, Sendable {
        case max
        case average
    }

    public var `operator`: Operator
    public var kernel: Int
    public var stride: Int
    public var padding: Int = 0
    /// Rounds the output's size up: the last window may begin inside and end outside the image.
    public var ceil: Bool = false
    /// An average divides by the area of the window clipped to the padded image instead.
    public var countsPadding: Bool = false

    public init(
        operator: Operator, kernel: Int, stride: Int, padding: Int = 0, ceil: Bool = false, countsPadding: Bool = false
    ) {
        self.operator = `operator`
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.ceil = ceil
        self.countsPadding = countsPadding
    }
}

/// Blur pooling (Zhang, arXiv 1904.11486): each channel by the 3 × 3 binomial filter, with one pixel of padding. timm's `BlurPool2d`.
public struct BlurPooling: Codable, Sendable, Equatable {
    public enum Padding: String, Codable, Sendable {
        /// The image reflected, without its edge.
        case reflect
        case zeros
    }

    /// 1 or 2.
    public var stride: Int
    public var padding: Padding

    public init(stride: Int, padding: Padding = .reflect) {
        self.stride = stride
        self.padding = padding
    }
}

/// A fully connected layer with bias, its weight (outputs, inputs).
public struct Linear: Codable, Sendable, Equatable {
    public var inputs: Int
    public var outputs: Int

    public init(inputs: Int, outputs: Int) {
        self.inputs = inputs
        self.outputs = outputs
    }
}

/// Squeeze and excitation (Hu et al., arXiv 1709.01507, section 3): the mean of each channel, a layer to `hidden` values with ReLU, a layer
/// back with sigmoid; section 6 tries others. Tensors as timm writes them: `fc1` (hidden, channels, 1, 1) and `fc2` (channels, hidden, 1, 1),
/// each with bias.
public struct Gate: Codable, Sendable, Equatable {
    public var channels: Int
    public var hidden: Int
    public var squeeze: Pooling.Operator
    /// The last activation.
    public var excitation: Activation

    public init(channels: Int, hidden: Int, squeeze: Pooling.Operator = .average, excitation: Activation = .sigmoid) {
        self.channels = channels
        self.hidden = hidden
        self.squeeze = squeeze
        self.excitation = excitation
    }
}
