@testable import SENet

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every machine.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// A network drawn at random: operations of every kind in any order, on values that may be read any number of times or not at all, and an
/// ending of any kind.
struct DrawnNetwork {
    private(set) var network: Network
    let height: Int
    let width: Int
    let images: Int

    private var random: SplitMix
    private var values: [(name: String, shape: Shape)]

    /// Multiply-adds of one convolution and elements of one value, so that a few hundred networks take seconds.
    private static let limit = (multiplyAdds: 3_000_000, elements: 60_000)

    init(seed: Int) {
        random = SplitMix(state: UInt64(seed))
        let isLarge = Int.random(in: 0..<4, using: &random) == 0
        height = Int.random(in: isLarge ? 20...45 : 3...19, using: &random)
        width = Int.random(in: isLarge ? 20...45 : 3...19, using: &random)
        images = Int.random(in: 1...3, using: &random)
        network = Network(name: "drawn \(seed)", inputChannels: Int.random(in: 1...4, using: &random), operations: [])
        values = [(Network.input, Shape(channels: network.inputChannels, height: height, width: width))]
        if chance(0.9) { addConvolution(0) }
        for _ in 0..<Int.random(in: 2...12, using: &random) { addAny() }
        end()
    }

    private mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &random) < probability }
    private mutating func pick<T>(_ choices: [T]) -> T { choices[Int.random(in: 0..<choices.count, using: &random)] }

    /// A value to read: often the newest, so that chains come about, and rarely the image.
    private mutating func source(where suits: (Shape) -> Bool = { _ in true }) -> Int? {
        let suitable = values.indices.filter { suits(values[$0].shape) }
        guard let first = suitable.first, let last = suitable.last else { return nil }
        let chosen = chance(0.5) ? last : pick(suitable)
        return chosen == 0 && chance(0.8) ? suitable.dropFirst().first ?? first : chosen
    }

    /// Appends an operation unless its value would be too large, or the operation cannot take its inputs. Whether it was appended.
    @discardableResult
    private mutating func append(_ kind: SENet.Operation.Kind, _ inputs: [Int]) -> Bool {
        var name = "v\(values.count)"
        // Names that a planner might give to what it adds itself.
        if SENet.Operation("", kind, inputs: []).parameters.isEmpty, chance(0.2) {
            name = pick(values).name + pick([".sums", ".fc1", ".maxima", ".mean", ".blocked", ".0"])
        }
        guard !values.contains(where: { $0.name == name }) else { return false }
        let operation = SENet.Operation(name, kind, inputs: inputs.map { values[$0].name })
        guard let shape = try? operation.outputShape(inputs.map { values[$0].shape }), shape.count <= Self.limit.elements,
            operation.multiplyAccumulates(output: shape) <= Self.limit.multiplyAdds
        else { return false }
        network.operations.append(operation)
        values.append((name, shape))
        return true
    }

    private mutating func addAny() {
        guard let from = source() else { return }
        switch Int.random(in: 0..<16, using: &random) {
        case 0...3:
            addConvolution(from)
            addAfterConvolution()
        case 4: addNorm(from)
        case 5: addActivation(from)
        case 6: addPooling(from)
        case 7: append(.blurPooling(BlurPooling(stride: pick([1, 2]), padding: pick([.reflect, .zeros]))), [from])
        case 8: append(.globalPooling(pick([.average, .max])), [from])
        case 9: addLinear()
        case 10, 11: addSqueezeExcitation(from)
        case 12: addScale(from)
        case 13, 14: addSum(from)
        default: addConcatenation(from)
        }
    }

    private mutating func addConvolution(_ from: Int) {
        let channels = values[from].shape.channels
        let kernel = pick([1, 1, 3, 3, 3, 3, 5, 7])
        var outputs = pick([1, 4, 8, 13, 16, 20, 24, 32, 40, 48, 64, 72, 160, 304])
        var groups = pick([1, 1, 1, channels / 4, channels / 8, channels / 16, channels, 2, 3])
        if groups < 1 || channels % groups != 0 { groups = 1 }
        if groups > 1 { outputs = chance(0.7) ? channels : groups * pick([1, 2, 16]) }
        let padding = pick([kernel / 2, kernel / 2, kernel / 2, kernel / 2, 0, kernel])
        append(
            .convolution(
                Convolution(
                    inputs: channels, outputs: outputs, kernel: kernel, stride: pick([1, 1, 1, 1, 2, 2, 3]), padding: padding,
                    groups: groups,
                    bias: chance(0.5))), [from])
    }

    /// What a planner may take into the convolution, in any order and number.
    private mutating func addAfterConvolution() {
        if chance(0.6) { addNorm(values.count - 1) }
        if chance(0.3) { addSum(values.count - 1) }
        if chance(0.5) { addActivation(values.count - 1) }
        if chance(0.2) { addSum(values.count - 1) }
    }

    private mutating func addNorm(_ from: Int) {
        append(.batchNorm(BatchNorm(channels: values[from].shape.channels, epsilon: pick([1e-5, 1e-3]))), [from])
    }

    private mutating func addActivation(_ from: Int) { append(.activation(pick([.relu, .relu, .sigmoid, .tanh, .silu])), [from]) }

    private mutating func addPooling(_ from: Int) {
        let kernel = pick([1, 2, 3, 3, 5])
        append(
            .pooling(
                Pooling(
                    operator: pick([.max, .average]), kernel: kernel, stride: pick([1, 2, 2, 3]),
                    padding: Int.random(in: 0...kernel / 2, using: &random), ceil: chance(0.5), countsPadding: chance(0.5))), [from])
    }

    private mutating func addLinear() {
        guard let from = source(where: { $0.pixels == 1 }) else { return }
        append(.linear(Linear(inputs: values[from].shape.channels, outputs: pick([1, 5, 10, 16, 24, 37, 130]))), [from])
    }

    private mutating func addSqueezeExcitation(_ from: Int) {
        let gate = Gate(
            channels: values[from].shape.channels, hidden: pick([1, 4, 16, 18]), squeeze: pick([.average, .average, .max]),
            excitation: pick([.sigmoid, .sigmoid, .tanh, .relu, .silu]))
        guard append(.gate(gate), [from]), chance(0.8) else { return }
        let factors = values.count - 1
        guard append(.scale, [from, factors]) else { return }
        if chance(0.6) { addSum(values.count - 1) }
        if chance(0.6) { addActivation(values.count - 1) }
    }

    private mutating func addScale(_ from: Int) {
        let channels = values[from].shape.channels
        guard let factors = source(where: { $0 == Shape(channels: channels, height: 1, width: 1) }) else { return }
        append(.scale, [from, factors])
    }

    private mutating func addSum(_ from: Int) {
        let shape = values[from].shape
        guard let other = source(where: { $0 == shape }) else { return }
        append(.add, chance(0.5) ? [from, other] : [other, from])
    }

    private mutating func addConcatenation(_ from: Int) {
        let shape = values[from].shape
        var inputs = [from]
        for _ in 0..<pick([1, 1, 2, 3]) {
            inputs.append(source { ($0.height, $0.width) == (shape.height, shape.width) } ?? from)
        }
        append(.concatenation, inputs)
    }

    /// Makes a vector of the newest value that can become one, and then anything that vectors can go through.
    private mutating func end() {
        let last = values.count - 1
        let (shape, edge) = (values[last].shape, min(values[last].shape.height, values[last].shape.width))
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            append(
                .convolution(Convolution(inputs: shape.channels, outputs: pick([5, 16, 21]), kernel: edge, stride: 64, padding: 0)), [last])
        case 1: append(.pooling(Pooling(operator: pick([.max, .average]), kernel: edge, stride: 64)), [last])
        default: append(.globalPooling(pick([.average, .average, .max])), [last])
        }
        if values[values.count - 1].shape.pixels > 1 {
            while !append(.globalPooling(.average), [last]) {}
        }
        for _ in 0..<Int.random(in: 0...4, using: &random) { addToVector(values.count - 1) }
    }

    private mutating func addToVector(_ from: Int) {
        let channels = values[from].shape.channels
        switch Int.random(in: 0..<11, using: &random) {
        case 0, 1: append(.linear(Linear(inputs: channels, outputs: pick([3, 10, 33]))), [from])
        case 2: addNorm(from)
        case 3: addActivation(from)
        case 4: append(.blurPooling(BlurPooling(stride: pick([1, 2]), padding: .zeros)), [from])
        case 5: append(.globalPooling(pick([.average, .max])), [from])
        case 6:
            append(
                .gate(Gate(channels: channels, hidden: 4, squeeze: pick([.average, .max]), excitation: pick([.sigmoid, .tanh]))), [from])
        case 7: addScale(from)
        case 8: addSum(from)
        case 9: addConcatenation(from)
        default:
            append(.convolution(Convolution(inputs: channels, outputs: pick([7, 16]), kernel: pick([1, 3]), bias: chance(0.5))), [from])
        }
    }
}
