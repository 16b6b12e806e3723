/// Builds residual networks, ResNet to SENet-154, from a row of data. Operations bear the names of the checkpoint's modules.
///
/// Sources: He et al. (arXiv 1512.03385), Xie et al. (arXiv 1611.05431), Hu et al. (arXiv 1709.01507); names, strides and paddings as timm's
/// `resnet.py` and, for the other generations, `senet.py` and `byobnet.py`.
struct ResNetBuilder {
    let architecture: Architecture
    let names: ModuleNames
    private(set) var operations: [Operation] = []

    static func network(name: String, architecture: Architecture, inputChannels: Int, classes: Int) -> Network {
        var builder = ResNetBuilder(architecture: architecture, names: ModuleNames(generation: architecture.generation))
        var (value, channels) = builder.stem(inputChannels)
        for (stage, (blocks, planes)) in zip(architecture.layers, architecture.channels).enumerated() {
            for index in 0..<blocks {
                let block = BlockPlace(
                    name: builder.names.block(stage: stage, index: index), stage: stage, inputs: channels, planes: planes,
                    stride: stage > 0 && index == 0 ? 2 : 1)
                (value, channels) = builder.block(block, value)
            }
        }
        if let width = architecture.headWidth {
            let widening = Convolution(inputs: channels, outputs: width, kernel: 1)
            value = builder.activated(builder.convolution(builder.names.head, value, widening))
            channels = width
        }
        value = builder.append("global_pool", .globalPooling(.average), [value])
        _ = builder.append(builder.names.classifier, .linear(Linear(inputs: channels, outputs: classes)), [value])
        return Network(name: name, inputChannels: inputChannels, operations: builder.operations)
    }

    /// Appends an operation and returns the name of its value.
    mutating func append(_ name: String, _ kind: Operation.Kind, _ inputs: [String]) -> String {
        operations.append(Operation(name, kind, inputs: inputs))
        return name
    }

    /// A convolution and its batch norm.
    mutating func convolution(_ names: ModuleNames.Pair, _ value: String, _ convolution: Convolution) -> String {
        let product = append(names.convolution, .convolution(convolution), [value])
        return append(names.norm, .batchNorm(BatchNorm(channels: convolution.outputs)), [product])
    }

    mutating func activated(_ value: String) -> String { append("\(value).act", .activation(architecture.activation), [value]) }

    /// The pooling in place of a stride of 2.
    mutating func antialiased(_ name: String, _ value: String, _ antialiasing: Architecture.Antialiasing) -> String {
        switch antialiasing {
        case .average: append(name, .pooling(Pooling(operator: .average, kernel: 2, stride: 2)), [value])
        case .blur(let padding): append(name, .blurPooling(BlurPooling(stride: 2, padding: padding)), [value])
        }
    }
}

extension ResNetBuilder {
    private mutating func stem(_ inputChannels: Int) -> (value: String, channels: Int) {
        let width = architecture.stemWidth
        let widths =
            switch architecture.stemType {
            case .plain: [64]
            case .deep: [width, width, 2 * width]
            case .deepTiered: [3 * (width / 4), width, 2 * width]
            }
        let kernel = widths.count == 1 ? 7 : 3
        var (value, channels) = (Network.input, inputChannels)
        for (index, width) in widths.enumerated() {
            let isStrided = index == 0 || (index == widths.count - 1 && architecture.stemPooling == .strided)
            let layer = Convolution(inputs: channels, outputs: width, kernel: kernel, stride: isStrided ? 2 : 1)
            value = activated(convolution(names.stem(index, of: widths.count), value, layer))
            channels = width
        }
        return (stemPooling(value, channels), channels)
    }

    private mutating func stemPooling(_ value: String, _ channels: Int) -> String {
        let name = names.stemPooling
        switch (architecture.stemPooling, architecture.antialiasing) {
        case (.strided, _): return value
        case (.max, nil):
            // Caffe pools without padding and rounds the output's size up.
            let isLegacy = architecture.generation == .legacy
            return append(
                name, .pooling(Pooling(operator: .max, kernel: 3, stride: 2, padding: isLegacy ? 0 : 1, ceil: isLegacy)), [value])
        case (.max, .average): return antialiased(name, value, .average)
        case (.max, .blur(let padding)?):
            let largest = append("\(name).0", .pooling(Pooling(operator: .max, kernel: 3, stride: 1, padding: 1)), [value])
            return antialiased("\(name).1", largest, .blur(padding))
        case (.convolution, let antialiasing):
            let layer = Convolution(inputs: channels, outputs: channels, kernel: 3, stride: antialiasing == nil ? 2 : 1)
            var value = append("\(name).0", .convolution(layer), [value])
            if let antialiasing { value = antialiased("\(name).1", value, antialiasing) }
            let norm = antialiasing == nil ? "\(name).1" : "\(name).2"
            return activated(append(norm, .batchNorm(BatchNorm(channels: channels)), [value]))
        }
    }
}
