/// Where a block of a residual network stands.
struct BlockPlace {
    var name: String
    var stage: Int
    var inputs: Int
    /// Channels before a bottleneck's expansion.
    var planes: Int
    var stride: Int
}

extension ResNetBuilder {
    /// Returns the block's value and its channels.
    mutating func block(_ place: BlockPlace, _ input: String) -> (String, Int) {
        let outputs = place.planes * architecture.block.expansion
        // First, so that the addition can be fused into the last operation on the other side.
        var shortcut = place.stride == 1 && place.inputs == outputs ? input : downsample(place, input, outputs: outputs)
        shortcut = gated(shortcut, outputs, .identity, place)
        let branchInput = gated(input, place.inputs, .pre, place)
        let branch =
            switch architecture.block {
            case .basic: basic(place, branchInput)
            case .bottleneck: bottleneck(place, branchInput)
            }
        let value = append("\(place.name).add", .add, [gated(branch, outputs, .standard, place), shortcut])
        return (gated(activated(value), outputs, .post, place), outputs)
    }

    private mutating func basic(_ place: BlockPlace, _ input: String) -> String {
        let value = antialiasedConvolution(place, 1, input, Convolution(inputs: place.inputs, outputs: place.planes, kernel: 3))
        let second = Convolution(inputs: place.planes, outputs: place.planes, kernel: 3)
        let branch = convolution(names.convolution(2, in: place.name), value, second)
        // timm's port of the authors' basic block applies ReLU before the gate too.
        return architecture.generation == .legacy ? activated(branch) : branch
    }

    private mutating func bottleneck(_ place: BlockPlace, _ input: String) -> String {
        let (groups, width) = architecture.width(planes: place.planes)
        // The authors' SE-ResNets have the stride on the first 1 × 1, their SE-ResNeXts and all later networks on the 3 × 3.
        let isEarly = architecture.generation == .legacy && architecture.cardinality == 1
        let narrow = width / architecture.reduceFirst
        let first = Convolution(inputs: place.inputs, outputs: narrow, kernel: 1, stride: isEarly ? place.stride : 1)
        var value = activated(convolution(names.convolution(1, in: place.name), input, first))
        let second = Convolution(inputs: narrow, outputs: width, kernel: 3, groups: groups)
        value = antialiasedConvolution(place, 2, value, second, isStrided: !isEarly)
        let third = Convolution(inputs: width, outputs: place.planes * architecture.block.expansion, kernel: 1)
        return convolution(names.convolution(3, in: place.name), value, third)
    }

    /// A 3 × 3 convolution with its activation, and what takes the place of its stride.
    private mutating func antialiasedConvolution(
        _ place: BlockPlace, _ number: Int, _ input: String, _ layer: Convolution, isStrided: Bool = true
    ) -> String {
        let stride = isStrided ? place.stride : 1
        let antialiasing = stride > 1 ? architecture.antialiasing : nil
        var layer = layer
        layer.stride = antialiasing == nil ? stride : 1
        var value = activated(convolution(names.convolution(number, in: place.name), input, layer))
        if architecture.block == .bottleneck { value = gated(value, layer.outputs, .inner, place) }
        if let antialiasing { value = antialiased("\(place.name).aa", value, antialiasing) }
        return value
    }

    /// The value times its gate, if the network has squeeze and excitation at this place of this block.
    private mutating func gated(
        _ value: String, _ channels: Int, _ placement: SqueezeExcitation.Placement, _ place: BlockPlace
    ) -> String {
        guard let squeezeExcitation = architecture.squeezeExcitation, squeezeExcitation.placement == placement,
            squeezeExcitation.isIn(stage: place.stage)
        else { return value }
        let name = names.gate(in: place.name)
        let factors = append(name, .gate(squeezeExcitation.gate(channels: channels)), [value])
        return append("\(name).scale", .scale, [value, factors])
    }

    /// The shortcut's projection where a block changes the size or the channels.
    private mutating func downsample(_ place: BlockPlace, _ input: String, outputs: Int) -> String {
        let (pooling, pair) = names.projection(in: place.name, isPooled: architecture.averageDown)
        guard architecture.averageDown else {
            let kernel = place.stride > 1 ? architecture.downsampleKernel : 1
            let projection = Convolution(inputs: place.inputs, outputs: outputs, kernel: kernel, stride: place.stride)
            return convolution(pair, input, projection)
        }
        var value = input
        if place.stride > 1 {
            let average = Pooling(operator: .average, kernel: 2, stride: place.stride, ceil: true)
            value = append(pooling, .pooling(average), [value])
        }
        return convolution(pair, value, Convolution(inputs: place.inputs, outputs: outputs, kernel: 1))
    }
}
