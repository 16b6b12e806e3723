/// Builds residual networks, ResNet to SE-ResNeXt, from a row of data. Operations bear the names of the checkpoint's modules.
///
/// Sources: He et al. (arXiv 1512.03385), Xie et al. (arXiv 1611.05431), Hu et al. (arXiv 1709.01507); names, strides and paddings as timm's
/// `resnet.py` and, for the legacy generation, `senet.py`.
struct ResNetBuilder {
    let architecture: Architecture
    var operations: [Operation] = []

    static func network(name: String, architecture: Architecture, inputChannels: Int, classes: Int) -> Network {
        var builder = ResNetBuilder(architecture: architecture)
        var (value, channels) = builder.stem(inputChannels)
        for (stage, (blocks, planes)) in zip(architecture.layers, architecture.channels).enumerated() {
            for block in 0..<blocks {
                let stride = stage > 0 && block == 0 ? 2 : 1
                (value, channels) = builder.block("layer\(stage + 1).\(block)", value, inputs: channels, planes: planes, stride: stride)
            }
        }
        value = builder.append("global_pool", .globalPooling(.average), [value])
        let classifier = architecture.generation == .legacy ? "last_linear" : "fc"
        _ = builder.append(classifier, .linear(Linear(inputs: channels, outputs: classes)), [value])
        return Network(name: name, inputChannels: inputChannels, operations: builder.operations)
    }

    /// Appends an operation and returns the name of its value.
    mutating func append(_ name: String, _ kind: Operation.Kind, _ inputs: [String]) -> String {
        operations.append(Operation(name, kind, inputs: inputs))
        return name
    }

    private mutating func convolution(_ name: String, norm: String, _ value: String, _ convolution: Convolution) -> String {
        let product = append(name, .convolution(convolution), [value])
        return append(norm, .batchNorm(BatchNorm(channels: convolution.outputs)), [product])
    }

    private mutating func relu(_ value: String) -> String { append("\(value).relu", .activation(.relu), [value]) }

    private mutating func stem(_ inputChannels: Int) -> (value: String, channels: Int) {
        let prefix = architecture.generation == .legacy ? "layer0." : ""
        let width = architecture.stemWidth
        let channels = architecture.stemType == .plain ? 64 : 2 * width
        var value = Network.input
        switch architecture.stemType {
        case .plain:
            let seven = Convolution(inputs: inputChannels, outputs: channels, kernel: 7, stride: 2)
            value = convolution("\(prefix)conv1", norm: "\(prefix)bn1", value, seven)
        case .deep, .deepTiered:
            // A Sequential whose last batch norm stands outside of it: conv1.0, conv1.1, (ReLU), conv1.3, conv1.4, (ReLU), conv1.6, bn1.
            let first = architecture.stemType == .deepTiered ? 3 * (width / 4) : width
            let widths = [inputChannels, first, width, channels]
            for index in 0..<3 {
                let three = Convolution(inputs: widths[index], outputs: widths[index + 1], kernel: 3, stride: index == 0 ? 2 : 1)
                value = convolution("conv1.\(3 * index)", norm: index == 2 ? "bn1" : "conv1.\(3 * index + 1)", value, three)
                if index < 2 { value = relu(value) }
            }
        }
        value = relu(value)
        // Caffe pools without padding and rounds the output's size up.
        let legacy = architecture.generation == .legacy
        let pooling = Pooling(operator: .max, kernel: 3, stride: 2, padding: legacy ? 0 : 1, ceil: legacy)
        return (append(legacy ? "pool0" : "maxpool", .pooling(pooling), [value]), channels)
    }

    private mutating func block(_ name: String, _ input: String, inputs: Int, planes: Int, stride: Int) -> (String, Int) {
        let legacy = architecture.generation == .legacy
        let outputs = planes * architecture.block.expansion
        // First, so that the addition can be fused into the last operation on the other side.
        let shortcut = stride == 1 && inputs == outputs ? input : downsample(name, input, inputs: inputs, outputs: outputs, stride: stride)
        var value: String
        switch architecture.block {
        case .basic:
            let first = Convolution(inputs: inputs, outputs: planes, kernel: 3, stride: stride)
            value = relu(convolution("\(name).conv1", norm: "\(name).bn1", input, first))
            value = convolution("\(name).conv2", norm: "\(name).bn2", value, Convolution(inputs: planes, outputs: outputs, kernel: 3))
            // timm's port of the authors' basic block applies ReLU before the gate too.
            if legacy { value = relu(value) }
        case .bottleneck:
            let width = planes * architecture.baseWidth / 64 * architecture.cardinality
            // The authors' SE-ResNets have the stride on the first 1 × 1, their SE-ResNeXts and all later networks on the 3 × 3.
            let early = legacy && architecture.cardinality == 1
            let first = Convolution(inputs: inputs, outputs: width, kernel: 1, stride: early ? stride : 1)
            let second = Convolution(
                inputs: width, outputs: width, kernel: 3, stride: early ? 1 : stride, groups: architecture.cardinality)
            value = relu(convolution("\(name).conv1", norm: "\(name).bn1", input, first))
            value = relu(convolution("\(name).conv2", norm: "\(name).bn2", value, second))
            value = convolution("\(name).conv3", norm: "\(name).bn3", value, Convolution(inputs: width, outputs: outputs, kernel: 1))
        }
        if let hidden = architecture.hiddenWidth(channels: outputs) {
            value = squeezeExcitation(legacy ? "\(name).se_module" : "\(name).se", value, Gate(channels: outputs, hidden: hidden))
        }
        value = append("\(name).add", .add, [value, shortcut])
        return (relu(value), outputs)
    }

    /// The shortcut's projection where a block changes the size or the channels.
    private mutating func downsample(_ name: String, _ input: String, inputs: Int, outputs: Int, stride: Int) -> String {
        guard architecture.averageDown else {
            let projection = Convolution(inputs: inputs, outputs: outputs, kernel: 1, stride: stride)
            return convolution("\(name).downsample.0", norm: "\(name).downsample.1", input, projection)
        }
        var value = input
        if stride > 1 {
            let pooling = Pooling(operator: .average, kernel: 2, stride: stride, ceil: true)
            value = append("\(name).downsample.0", .pooling(pooling), [value])
        }
        let projection = Convolution(inputs: inputs, outputs: outputs, kernel: 1)
        return convolution("\(name).downsample.1", norm: "\(name).downsample.2", value, projection)
    }
}
