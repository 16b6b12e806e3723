import Foundation

@testable import SENet

/// Networks executed as they are written: operation after operation, every value kept, plain loops. What plans are held against.
///
/// In Double it is the reference; in Float it says how far plain float32 arithmetic is off; with bfloat16's roundings, how far a plan in
/// bfloat16 may be off.
struct Interpreter<Scalar: BinaryFloatingPoint> {
    /// The tensors rounded to bfloat16. A convolution with such weights rounds what it reads, too. What it makes is kept in bfloat16, and
    /// so is what is made of that other than sums and vectors. What norms and activations make of a value is rounded where it is read, as
    /// a plan fuses them.
    var inBFloat16: Set<String> = []
    /// Rounds up or down by chance, more often to what is nearer: as far off as any way to round may be.
    var seed: UInt64 = 0

    /// (channels, height, width), row-major.
    struct Value {
        var shape: Shape
        var elements: [Scalar]
        /// Whether it is kept in bfloat16: it is rounded where it is read.
        var isBFloat16 = false

        init(_ shape: Shape, _ element: (_ channel: Int, _ y: Int, _ x: Int) -> Scalar) {
            self.shape = shape
            elements = []
            elements.reserveCapacity(shape.count)
            for channel in 0..<shape.channels {
                for y in 0..<shape.height {
                    for x in 0..<shape.width { elements.append(element(channel, y, x)) }
                }
            }
        }

        subscript(channel: Int, y: Int, x: Int) -> Scalar { elements[(channel * shape.height + y) * shape.width + x] }

        func contains(_ y: Int, _ x: Int) -> Bool { y >= 0 && y < shape.height && x >= 0 && x < shape.width }

        func rounded(_ seed: UInt64) -> Value { map { Scalar(Float($1).roundedToBFloat16(seed)) } }

        func map(_ change: (Int, Scalar) -> Scalar) -> Value { Value(shape) { change($0, self[$0, $1, $2]) } }
    }

    /// The logits of one image (channels, height, width), with weights by formula.
    func logits(of network: Network, _ image: [Float], height: Int, width: Int) throws -> [Double] {
        let shape = Shape(channels: network.inputChannels, height: height, width: width)
        var values = [Network.input: Value(shape) { Scalar(image[($0 * height + $1) * width + $2]) }]
        for operation in network.operations {
            let inputs = operation.inputs.compactMap { values[$0] }
            values[operation.name] = evaluate(operation, inputs, try operation.outputShape(inputs.map(\.shape)))
        }
        let output = values[network.output]
        return (output?.isBFloat16 == true ? output?.rounded(seed) : output)?.elements.map { Double($0) } ?? []
    }

    private func evaluate(_ operation: SENet.Operation, _ inputs: [Value], _ shape: Shape) -> Value {
        let isBFloat16 = operation.parameters.contains { inBFloat16.contains($0.name) }
        var (inputs, keepsBFloat16) = (inputs, inputs.contains(where: \.isBFloat16))
        switch operation.kind {
        case .batchNorm, .activation: break
        case .convolution:
            inputs = inputs.map { isBFloat16 || $0.isBFloat16 ? $0.rounded(seed) : $0 }
            keepsBFloat16 = isBFloat16
        case .add, .concatenation: if keepsBFloat16 { inputs = inputs.map { $0.rounded(seed) } }
        case .scale: if keepsBFloat16 { inputs[0] = inputs[0].rounded(seed) }
        case .pooling, .blurPooling: if keepsBFloat16 { inputs = inputs.map { $0.rounded(seed) } }
        case .globalPooling, .linear, .gate:
            inputs = inputs.map { $0.isBFloat16 ? $0.rounded(seed) : $0 }
            keepsBFloat16 = false
        }
        let tensors = operation.parameters.map { parameter in
            let values = WeightFormula.values(parameter).map { Scalar($0) }
            return inBFloat16.contains(parameter.name) ? values.map { Scalar(Float($0).roundedToBFloat16(seed)) } : values
        }
        var value = Self.evaluate(operation, inputs, tensors, shape)
        value.isBFloat16 = keepsBFloat16
        return value
    }

    private static func evaluate(_ operation: SENet.Operation, _ inputs: [Value], _ tensors: [[Scalar]], _ shape: Shape) -> Value {
        let x = inputs[0]
        switch operation.kind {
        case .convolution(let convolution): return convolve(x, convolution, tensors, shape)
        case .batchNorm(let norm):
            return x.map { c, x in
                (x - tensors[2][c]) / (tensors[3][c] + Scalar(norm.epsilon)).squareRoot() * tensors[0][c] + tensors[1][c]
            }
        case .activation(let function): return x.map { activate($1, function) }
        case .pooling(let pooling): return pool(x, pooling, shape)
        case .blurPooling(let blurring): return blur(x, blurring, shape)
        case .globalPooling(let `operator`): return squeeze(x, `operator`)
        case .linear: return multiply(x, tensors[0], tensors[1], nil)
        case .gate(let gate):
            let hidden = multiply(squeeze(x, gate.squeeze), tensors[0], tensors[1], .relu)
            return multiply(hidden, tensors[2], tensors[3], gate.excitation)
        case .scale: return x.map { $1 * inputs[1][$0, 0, 0] }
        case .add: return Value(shape) { x[$0, $1, $2] + inputs[1][$0, $1, $2] }
        case .concatenation:
            let channels = inputs.flatMap { input in (0..<input.shape.channels).map { (input, $0) } }
            return Value(shape) { channels[$0].0[channels[$0].1, $1, $2] }
        }
    }

    private static func activate(_ x: Scalar, _ function: Activation?) -> Scalar {
        switch function {
        case nil: x
        case .relu: max(0, x)
        case .sigmoid: Scalar(1 / (1 + exp(-Double(x))))
        case .tanh: Scalar(tanh(Double(x)))
        case .silu: x * Scalar(1 / (1 + exp(-Double(x))))
        }
    }

    private static func convolve(_ input: Value, _ convolution: Convolution, _ tensors: [[Scalar]], _ shape: Shape) -> Value {
        let (kernel, depth) = (convolution.kernel, convolution.inputs / convolution.groups)
        return Value(shape) { output, y, x in
            var sum = convolution.bias ? tensors[1][output] : 0
            let group = output / (convolution.outputs / convolution.groups)
            for channel in 0..<depth {
                for row in 0..<kernel {
                    for column in 0..<kernel {
                        let (y, x) = (
                            y * convolution.stride + row - convolution.padding, x * convolution.stride + column - convolution.padding
                        )
                        guard input.contains(y, x) else { continue }
                        let weight = tensors[0][((output * depth + channel) * kernel + row) * kernel + column]
                        sum += input[group * depth + channel, y, x] * weight
                    }
                }
            }
            return sum
        }
    }

    /// weight (outputs, inputs) times a vector.
    private static func multiply(_ input: Value, _ weight: [Scalar], _ bias: [Scalar], _ function: Activation?) -> Value {
        let inputs = input.shape.channels
        return Value(Shape(channels: bias.count, height: 1, width: 1)) { output, _, _ in
            activate((0..<inputs).reduce(bias[output]) { $0 + weight[output * inputs + $1] * input.elements[$1] }, function)
        }
    }

    private static func squeeze(_ input: Value, _ function: Pooling.Operator) -> Value {
        let pixels = input.shape.pixels
        return Value(Shape(channels: input.shape.channels, height: 1, width: 1)) { channel, _, _ in
            let elements = input.elements[channel * pixels..<(channel + 1) * pixels]
            return function == .average ? elements.reduce(0, +) / Scalar(pixels) : elements.reduce(-.infinity, max)
        }
    }

    private static func pool(_ input: Value, _ pooling: Pooling, _ shape: Shape) -> Value {
        /// The part of a window inside 0..<size, and its length if the padding counts.
        func window(_ index: Int, _ size: Int) -> (inside: Range<Int>, padded: Int) {
            let start = index * pooling.stride - pooling.padding
            let end = min(start + pooling.kernel, size + pooling.padding)
            return (max(0, start)..<min(end, size), end - start)
        }
        return Value(shape) { channel, y, x in
            let (rows, columns) = (window(y, input.shape.height), window(x, input.shape.width))
            let elements = rows.inside.flatMap { y in columns.inside.map { input[channel, y, $0] } }
            guard pooling.operator == .average else { return elements.reduce(-.infinity, max) }
            return elements.reduce(0, +) / Scalar(pooling.countsPadding ? rows.padded * columns.padded : elements.count)
        }
    }

    private static func blur(_ input: Value, _ blurring: BlurPooling, _ shape: Shape) -> Value {
        let filter: [Scalar] = [1, 2, 1]
        func reflected(_ index: Int, _ size: Int) -> Int { index < 0 ? -index : index >= size ? 2 * (size - 1) - index : index }
        return Value(shape) { channel, y, x in
            var sum: Scalar = 0
            for row in -1...1 {
                for column in -1...1 {
                    var (y, x) = (y * blurring.stride + row, x * blurring.stride + column)
                    if blurring.padding == .reflect { (y, x) = (reflected(y, input.shape.height), reflected(x, input.shape.width)) }
                    if input.contains(y, x) { sum += filter[row + 1] * filter[column + 1] / 16 * input[channel, y, x] }
                }
            }
            return sum
        }
    }
}

extension Float {
    /// One of the two neighbours in bfloat16, the nearer one more often; always the same one for the same number and seed.
    fileprivate func roundedToBFloat16(_ seed: UInt64) -> Float {
        var random = SplitMix(state: UInt64(bitPattern) << 32 ^ seed)
        return isFinite ? Float(bitPattern: (bitPattern &+ UInt32(random.next() & 0xffff)) & 0xffff_0000) : self
    }
}
