import CKernels

/// Numbers for each channel that lie among a step's weights, in whole blocks with zeros behind the last channel.
struct ChannelNumbers {
    private let count: Int

    init(channels: Int) { count = channels.roundedUp(toMultipleOf: Shape.block) }

    func byteCount(of arrays: Int) -> Int { arrays * count * MemoryLayout<Float>.stride }

    /// Array `index` of a running step.
    func array(_ index: Int, in frame: Frame) -> UnsafePointer<Float> { frame.floatWeights(index * count) }

    func fill(_ index: Int, of weights: UnsafeMutableRawPointer, channels: Int, with number: (Int) -> Float) {
        let numbers = weights.assumingMemoryBound(to: Float.self) + index * count
        for channel in 0..<channels { numbers[channel] = number(channel) }
    }
}

/// activation(norm(input)) from one encoding into another; with neither, the conversion alone.
struct RecodingStep: WeightedStep {
    let name: String
    let kind: String
    let shape: Shape
    let from: Encoding
    let to: Encoding
    var norm: NormTensors?
    var activation: Activation?
    let input: ValueID
    let output: ValueID

    private var numbers: ChannelNumbers { ChannelNumbers(channels: shape.channels) }
    private var parts: ImageParts { ImageParts(shape) }
    var items: Int { parts.items }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: kind, output: shape, algorithm: "\(from.precision.rawValue) → \(to.precision.rawValue)",
            precision: to.precision, multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        var span = parts.span(of: item)
        var mapping = excite_mapping(
            from: from.element, to: to.element, factor: numbers.array(0, in: frame), shift: numbers.array(1, in: frame),
            to_factor: numbers.array(2, in: frame), to_shift: numbers.array(3, in: frame), activation: excite_activation(activation))
        frame.kernels.pointee.map(&mapping, Int32(shape.pixels), &span, frame.bytes(input), frame.bytes(output))
    }

    var tensors: [Parameter] { norm?.all ?? [] }
    var weightBytes: Int { numbers.byteCount(of: 4) }

    func pack(from checkpoint: Checkpoint, to weights: UnsafeMutableRawPointer) throws(ModelError) {
        let affine = if let norm { try checkpoint.affine(norm) } else { nil as (factor: [Double], shift: [Double])? }
        let (from, to) = (from, to)
        func fill(_ index: Int, _ number: (Int) -> Float) { numbers.fill(index, of: weights, channels: shape.channels, with: number) }
        fill(0) { Float((affine?.factor[$0] ?? 1) * Double(from.scale(of: $0))) }
        fill(1) {
            Float((affine?.shift[$0] ?? 0) - (affine?.factor[$0] ?? 1) * Double(from.scale(of: $0)) * Double(from.zero(of: $0)))
        }
        fill(2) { 1 / to.scale(of: $0) }
        fill(3) { to.zero(of: $0) }
    }
}

/// The network's input, (C, H, W), as pixels whose channels lie side by side.
struct InterleavingStep: WeightedStep {
    let name: String
    let shape: Shape
    let to: Encoding
    let input: ValueID
    let output: ValueID

    private var numbers: ChannelNumbers { ChannelNumbers(channels: shape.channels) }
    var items: Int { 1 }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: "conversion", output: shape, algorithm: "f32 → \(to.precision.rawValue)", precision: to.precision,
            multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        frame.kernels.pointee.interleave(
            to.element, numbers.array(0, in: frame), numbers.array(1, in: frame), Int32(shape.channels), Int32(shape.pixels),
            frame.floats(input), frame.bytes(output))
    }

    var tensors: [Parameter] { [] }
    var weightBytes: Int { numbers.byteCount(of: 2) }

    func pack(from checkpoint: Checkpoint, to weights: UnsafeMutableRawPointer) {
        numbers.fill(0, of: weights, channels: shape.channels) { 1 / to.scale(of: $0) }
        numbers.fill(1, of: weights, channels: shape.channels) { to.zero(of: $0) }
    }
}

/// activation(input * gate + shortcut), one factor a channel, over encoded images.
struct GatingStep: WeightedStep {
    let name: String
    let shape: Shape
    let gate: ValueID?
    let shortcut: ValueID?
    let activation: Activation?
    let input: ValueID
    let output: ValueID
    let inputEncoding: Encoding
    let shortcutEncoding: Encoding
    let outputEncoding: Encoding

    private var numbers: ChannelNumbers { ChannelNumbers(channels: shape.channels) }
    private var parts: ImageParts { ImageParts(shape) }
    var items: Int { parts.items }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: ["scale", shortcut.map { _ in "add" }, activation?.rawValue].compactMap { $0 }.joined(separator: ", "),
            output: shape, algorithm: "", precision: outputEncoding.precision, multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        var span = parts.span(of: item)
        var gating = excite_gating(
            gate: gate.map { UnsafePointer(frame.floats($0)) }, factor: numbers.array(0, in: frame), zero: numbers.array(1, in: frame),
            shift: numbers.array(2, in: frame), shortcut: shortcut.map { UnsafeRawPointer(frame.bytes($0)) },
            shortcut_factor: numbers.array(3, in: frame), low: activation == .relu ? outputEncoding.zero(of: 0) : -.infinity)
        frame.kernels.pointee.gate(
            outputEncoding.element, &gating, Int32(shape.pixels), &span, frame.bytes(input), frame.bytes(output))
    }

    var tensors: [Parameter] { [] }
    var weightBytes: Int { numbers.byteCount(of: 4) }

    func pack(from checkpoint: Checkpoint, to weights: UnsafeMutableRawPointer) {
        func fill(_ index: Int, _ number: (Int) -> Float) { numbers.fill(index, of: weights, channels: shape.channels, with: number) }
        fill(0) { inputEncoding.scale(of: $0) / outputEncoding.scale(of: $0) }
        fill(1) { inputEncoding.zero(of: $0) }
        fill(2) {
            let shortcut = shortcut == nil ? 0 : shortcutEncoding.scale(of: $0) * shortcutEncoding.zero(of: $0)
            return outputEncoding.zero(of: $0) - shortcut / outputEncoding.scale(of: $0)
        }
        fill(3) { shortcut == nil ? 0 : shortcutEncoding.scale(of: $0) / outputEncoding.scale(of: $0) }
    }
}

/// Max, average or blur pooling of encoded images: the output's encoding is the input's.
struct EncodedPoolingStep: WeightedStep {
    enum Window: Sendable {
        case pooling(excite_pooling)
        case blur(excite_blurring)
    }

    let name: String
    let window: Window
    let shape: Shape
    let encoding: Encoding
    let input: ValueID
    let output: ValueID

    private var numbers: ChannelNumbers { ChannelNumbers(channels: shape.channels) }
    private var parts: ImageParts { ImageParts(shape) }
    var items: Int { parts.items }

    var summary: StepSummary {
        let kind =
            switch window {
            case .pooling(let pooling): "\(pooling.average ? "average" : "max") pool \(pooling.kernel)×\(pooling.kernel)"
            case .blur: "blur pool 3×3"
            }
        return StepSummary(name: name, kind: kind, output: shape, algorithm: "", precision: encoding.precision, multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        var tile = parts.tile(of: item)
        let (from, to) = (frame.bytes(input), frame.bytes(output))
        switch window {
        case .pooling(var pooling):
            frame.kernels.pointee.pool_narrow(encoding.element, &pooling, numbers.array(0, in: frame), &tile, from, to)
        case .blur(var blur):
            frame.kernels.pointee.blur_narrow(encoding.element, &blur, numbers.array(0, in: frame), &tile, from, to)
        }
    }

    var tensors: [Parameter] { [] }
    var weightBytes: Int { numbers.byteCount(of: 1) }

    func pack(from checkpoint: Checkpoint, to weights: UnsafeMutableRawPointer) {
        numbers.fill(0, of: weights, channels: shape.channels) { encoding.zero(of: $0) }
    }
}

/// Sums over the pixels of each channel of an encoded image, or the largest of each.
struct EncodedReductionStep: WeightedStep {
    let name: String
    /// Of the input.
    let shape: Shape
    let encoding: Encoding
    let takesMaximum: Bool
    let input: ValueID
    let output: ValueID

    private var numbers: ChannelNumbers { ChannelNumbers(channels: shape.channels) }
    var items: Int { shape.blocks.dividedRoundingUp(by: Self.blocks) }
    /// Blocks of 16 channels an item.
    private static let blocks = 8

    var summary: StepSummary {
        StepSummary(
            name: name, kind: takesMaximum ? "global max pool" : "channel sums", output: shape.vector, algorithm: "",
            precision: encoding.precision, multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        let block = item * Self.blocks
        let blocks = min(Self.blocks, shape.blocks - block)
        let results = frame.floats(output)
        frame.kernels.pointee.reduce(
            encoding.element, takesMaximum, frame.bytes(input), Int32(shape.pixels), Int32(block), Int32(blocks), results)
        guard takesMaximum else { return }  // sums are read with their code
        let first = block * Shape.block
        frame.kernels.pointee.scaled_sums(
            results + first, 1, numbers.array(0, in: frame) + first, numbers.array(1, in: frame) + first, Int32(blocks * Shape.block),
            results + first)
    }

    var tensors: [Parameter] { [] }
    var weightBytes: Int { takesMaximum ? numbers.byteCount(of: 2) : 0 }

    func pack(from checkpoint: Checkpoint, to weights: UnsafeMutableRawPointer) {
        guard takesMaximum else { return }
        numbers.fill(0, of: weights, channels: shape.channels) { encoding.scale(of: $0) }
        numbers.fill(1, of: weights, channels: shape.channels) { -encoding.scale(of: $0) * encoding.zero(of: $0) }
    }
}
