/// A value of a plan, by its place among the plan's values. Only `FusedNetwork` makes one, together with the value.
struct ValueID: Sendable, Hashable {
    let index: Int

    fileprivate init(index: Int) { self.index = index }
}

/// What one pass over the data computes: a convolution with everything that can happen to its output while it is in registers, or one of the
/// few other passes. It carries the tensors that it takes from the checkpoint; it knows nothing of memory or algorithms.
struct FusedOperation: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        /// From the network's input to the layout that all but convolutions read.
        case conversion
        /// From the network's input to pixels whose channels lie side by side, in an encoding that convolutions read.
        case interleaving
        /// Into the encoding of the output.
        case recoding
        case convolution(FusedConvolution)
        case pooling(Pooling)
        case blurPooling(BlurPooling)
        /// Sums over the pixels of each channel of a value whose producer does not deliver them.
        case channelSums
        /// The largest of each channel.
        case channelMaxima
        /// The mean of each channel, from the sums over so many pixels.
        case mean(pixels: Int)
        /// Of a vector or, where `meanOver` says over how many pixels, of the mean from the sums.
        case linear(LinearTensors, meanOver: Int?, activation: Activation?)
        /// activation(input * gate + shortcut); without a gate, 1.
        case scale(gate: ValueID?, shortcut: ValueID?, activation: Activation?)
        /// activation(input * factor + shift) by the batch norm; without one, the activation alone.
        case affine(norm: NormTensors?, activation: Activation?)
        /// `input` and then these.
        case concatenation([ValueID])
    }

    /// The first operation in it.
    var name: String
    var kind: Kind
    var input: ValueID
    /// The value that it makes.
    var output: ValueID

    /// Every value that it reads.
    var reads: [ValueID] {
        switch kind {
        case .convolution(let convolution): [input] + [convolution.residual].compactMap { $0 }
        case .scale(let gate, let shortcut, _): [input] + [gate, shortcut].compactMap { $0 }
        case .concatenation(let others): [input] + others
        case .conversion, .interleaving, .recoding, .pooling, .blurPooling, .channelSums, .channelMaxima, .mean, .linear, .affine: [input]
        }
    }

    /// Every value that it makes.
    var writes: [ValueID] {
        switch kind {
        case .convolution(let convolution): [output] + [convolution.sums].compactMap { $0 }
        default: [output]
        }
    }

    /// Whether the output may take the memory of the input: an element of it depends on the same element of the input, and of all else
    /// that is read.
    var worksInPlace: Bool {
        switch kind {
        case .scale, .affine: true
        case .conversion, .interleaving, .recoding, .convolution, .pooling, .blurPooling, .channelSums, .channelMaxima, .mean, .linear,
            .concatenation:
            false
        }
    }
}

/// activation(norm(convolution(input)) + residual), and the sums over the pixels of each channel of that.
struct FusedConvolution: Sendable, Equatable {
    var name: String
    var convolution: Convolution
    var tensors: ConvolutionTensors
    var norm: NormTensors?
    var residual: ValueID?
    var activation: Activation?
    /// The value that the sums become, where something reads them.
    var sums: ValueID?
}

/// A network as fused operations, in the order in which they run: each value is made by one of them, before any that reads it.
struct FusedNetwork: Sendable {
    private(set) var values: [Value]
    private(set) var operations: [FusedOperation] = []
    /// The image, planar.
    let input = ValueID(index: 0)
    /// The last value that was made, unless said otherwise.
    var output: ValueID

    init(input shape: Shape) {
        values = [Value(name: Network.input, shape: shape, layout: .planar)]
        output = input
    }

    subscript(_ value: ValueID) -> Value { values[value.index] }

    /// Adds an operation and the value that it makes.
    mutating func append(_ name: String, _ kind: FusedOperation.Kind, of input: ValueID, makes value: Value) -> ValueID {
        let output = ValueID(index: values.count)
        values.append(value)
        operations.append(FusedOperation(name: name, kind: kind, input: input, output: output))
        return output
    }

    /// The sums over the pixels of each channel of `image`: from the convolution that makes it, or by a pass of their own.
    mutating func sums(of image: ValueID) -> ValueID {
        let value = Value(name: "\(self[image].name).sums", shape: self[image].shape.vector, summed: self[image].encoding.code)
        for (index, operation) in operations.enumerated() {
            switch operation.kind {
            case .channelSums where operation.input == image: return operation.output
            case .convolution(var convolution) where operation.output == image:
                if let sums = convolution.sums { return sums }
                let sums = ValueID(index: values.count)
                values.append(value)
                convolution.sums = sums
                operations[index].kind = .convolution(convolution)
                return sums
            default: continue
            }
        }
        return append(value.name, .channelSums, of: image, makes: value)
    }

    /// The image that the output is a linear layer of, over the means of its channels; nil where the network does not end so.
    var classifiedImage: ValueID? {
        guard let last = operations.last, last.output == output, case .linear(_, let pixels, activation: nil) = last.kind else {
            return nil
        }
        return pixels == nil ? image(averagedTo: last.input) : image(summedTo: last.input)
    }

    private func image(summedTo sums: ValueID) -> ValueID? {
        for operation in operations {
            switch operation.kind {
            case .channelSums where operation.output == sums: return operation.input
            case .convolution(let convolution) where convolution.sums == sums: return operation.output
            default: continue
            }
        }
        return nil
    }

    private func image(averagedTo means: ValueID) -> ValueID? {
        guard let operation = operations.first(where: { $0.output == means }) else { return nil }
        let shape = self[operation.input].shape
        switch operation.kind {
        case .mean: return image(summedTo: operation.input)
        case .recoding: return image(averagedTo: operation.input)
        case .pooling(let pooling):
            // A window that is the whole image.
            let isWhole = pooling.kernel == shape.height && pooling.kernel == shape.width && pooling.padding == 0
            return pooling.operator == .average && isWhole ? operation.input : nil
        default: return nil
        }
    }

    /// How many bands a convolution's sums have is known once its algorithm is.
    mutating func setBands(_ bands: Int, of sums: ValueID) { values[sums.index].bands = bands }
}
