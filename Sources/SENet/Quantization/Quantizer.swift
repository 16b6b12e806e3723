import CKernels
import FoundationEssentials
import Glibc

/// Finds the codes of a network's images from calibration images and makes its weights 8-bit integers.
///
/// The code of each image is the one with the least mean square error over what was seen; weights have a scale for each output channel, found
/// in the same way, and are rounded so that the outputs change least. The same images in the same order give the same bytes.
public final class Quantizer {
    /// What a convolution loses, as signal to noise in decibels.
    public struct Layer: Sendable {
        public let name: String
        /// Estimated from what its weights, its input's code and its output's lose.
        public let signalToNoise: Double
        public let isFloat32: Bool
    }

    /// Of the calibration images' passes, `passes`.
    public static let passes = 2
    /// Convolutions that lose more than this, in decibels of signal to noise, stay float32.
    public static let limit = 12.0

    public let source: ModelSource
    /// The network in float32, which the calibration images go through.
    public let plan: Plan
    private let network: FusedNetwork
    private let requirements: CodeRequirements
    private var choices: [CodeChoice]
    /// The group and the means of each image that a session makes.
    private var groups: [Int]
    private var sums: [[Double]]
    /// Of each image that a session makes, how often it was counted.
    private var seen: [Int]
    private var images = 0
    private var inputSums: [Double]
    private let checkpoint: Checkpoint
    /// Of each convolution that may be quantised; from the first pass on, until the weights are rounded.
    private var covariances: [String: InputCovariance] = [:]
    /// The convolutions that read each image.
    private var readers: [String: [String]] = [:]
    private var roundedWeights: [String: QuantizedWeights]?

    /// Bytes that the convolutions' covariances take together. Those that do not fit, the last of the network, are rounded weight by weight.
    var covarianceBytes = 2 << 30

    /// - Parameters:
    ///   - height, width: of the calibration images; nil for the configuration's.
    ///   - threads: how many threads pack the weights.
    /// - Throws: `ModelError`; `.configuration` if the model is quantised already.
    public init(_ source: ModelSource, height: Int? = nil, width: Int? = nil, threads: Int) throws(ModelError) {
        guard source.configuration.quantization == nil else {
            throw .configuration("\(source.configuration.fullName) is quantised already: give the model that it was made of")
        }
        self.source = source
        plan = try source.plan(height: height, width: width, precision: .float32, threads: threads)
        checkpoint = try source.checkpoint()
        let network = try Fusion.fuse(source.network.resolved(height: plan.inputShape.height, width: plan.inputShape.width))
        let requirements = CodeRequirements(network)
        let places = plan.images
        groups = places.map { place in requirements.groups.firstIndex { $0.contains(place.name) } ?? 0 }
        choices = zip(requirements.groups, requirements.scaling).map { names, scaling in
            CodeChoice(channels: places.first { $0.name == names[0] }?.shape.channels ?? 1, scaling: scaling)
        }
        sums = places.map { [Double](repeating: 0, count: $0.shape.channels) }
        seen = places.map { _ in 0 }
        inputSums = [Double](repeating: 0, count: source.network.inputChannels)
        (self.network, self.requirements) = (network, requirements)
    }

    /// Lets the images in a session of `plan` through, in one of the passes. Each pass takes the same images.
    public func observe(_ session: Session, images count: Int, pass: Int) {
        if pass == 0 { images += count }
        for index in 0..<count { observeInput(session.input(index), pass: pass) }
        session.run(images: count) { [self] observed in
            let group = groups[observed.index]
            observed.forEachChannel { channel, numbers in
                if pass == 0 {
                    choices[group].widen(channel, numbers)
                    sums[observed.index][channel] += numbers.reduce(0.0) { $0 + Double($1) } / Double(numbers.count)
                } else {
                    choices[group].count(channel, numbers, half: 2 * seen[observed.index] < images ? 0 : 1)
                }
            }
            if pass > 0 {
                seen[observed.index] += 1
                for reader in readers[observed.value.name, default: []] { covariances[reader]?.add(observed.forEachChannel) }
            }
        }
    }

    private func observeInput(_ input: UnsafeMutableBufferPointer<Float>, pass: Int) {
        let pixels = input.count / inputSums.count
        func forEachChannel(_ body: (Int, UnsafeBufferPointer<Float>) -> Void) {
            for channel in inputSums.indices {
                body(channel, UnsafeBufferPointer(rebasing: input[channel * pixels..<(channel + 1) * pixels]))
            }
        }
        if pass == 0 {
            for channel in inputSums.indices {
                inputSums[channel] += input[channel * pixels..<(channel + 1) * pixels].reduce(0.0) { $0 + Double($1) } / Double(pixels)
            }
        } else {
            for reader in readers[Network.input, default: []] { covariances[reader]?.add(forEachChannel) }
        }
    }

    /// Call after the first pass.
    public func finishFirstPass() {
        for index in choices.indices { choices[index].prepareToCount() }
        var bytes = 0
        for (fused, operation) in convolutions where network.isEncodable(fused, of: operation.input) {
            let size = InputCovariance.byteCount(fused.convolution)
            let fits = bytes + size <= covarianceBytes
            if fits { bytes += size }
            covariances[fused.name] = InputCovariance(
                fused.convolution, input: network[operation.input].shape, means: means(of: operation.input), images: images,
                hasMatrices: fits)
            readers[network[operation.input].name, default: []].append(fused.name)
        }
    }

    private var convolutions: [(FusedConvolution, FusedOperation)] {
        network.operations.compactMap { operation in
            if case .convolution(let convolution) = operation.kind { (convolution, operation) } else { nil }
        }
    }

    /// Chooses codes and weights.
    ///
    /// - Parameters:
    ///   - keep: convolutions that stay float32 whatever they lose.
    ///   - floatLayers: how many others of those that lose most do.
    /// - Throws: `ModelError.configuration` for a name in `keep` that is no convolution's; `ModelError.weights`.
    public func quantize(keep: [String] = [], floatLayers: Int = 0) throws(ModelError) -> QuantizedModel {
        let convolutions = convolutions
        if let unknown = keep.first(where: { name in !convolutions.contains { $0.0.name == name } }) {
            throw .configuration("no convolution of \(source.configuration.fullName) is named '\(unknown)': see excite inspect --plan")
        }
        var (values, noises) = ([String: LinearCode](), [String: Double]())
        for (names, choice) in zip(requirements.groups, choices) {
            let (code, noise) = choice.choose()
            for name in names { (values[name], noises[name]) = (code, noise) }
        }
        let inputCode = source.configuration.evaluation.inputCode
        values[Network.input] = inputCode
        var (layers, losses) = ([Layer](), [(name: String, noise: Double)]())
        var weights = try roundWeights(values)
        for (fused, operation) in convolutions {
            guard let quantized = weights[fused.name] else {
                losses.append((fused.name, .infinity))
                continue
            }
            let input = operation.input == network.input ? 0 : noises[network[operation.input].name] ?? 0
            losses.append((fused.name, quantized.noise + input + (noises[network[operation.output].name] ?? 0)))
        }
        let others = losses.filter { $0.noise.isFinite && !keep.contains($0.name) }
        let worst = Set(others.sorted { ($1.noise, $0.name) < ($0.noise, $1.name) }.prefix(floatLayers).map(\.name))
        for (name, noise) in losses {
            let decibels = -10 * log10(max(noise, 1e-20))
            let isFloat32 = keep.contains(name) || worst.contains(name) || decibels < Self.limit
            if isFloat32 { weights[name] = nil }
            layers.append(Layer(name: name, signalToNoise: decibels, isFloat32: isFloat32))
        }
        let quantization = Quantization(values: values, float32: layers.filter(\.isFloat32).map(\.name).sorted())
        return QuantizedModel(
            source: source, network: network, checkpoint: checkpoint, quantization: quantization, layers: layers, weights: weights)
    }

    /// The weights of every convolution that may be quantised; what was seen of the inputs is then forgotten.
    private func roundWeights(_ codes: [String: LinearCode]) throws(ModelError) -> [String: QuantizedWeights] {
        if let roundedWeights { return roundedWeights }
        var weights: [String: QuantizedWeights] = [:]
        for (fused, operation) in convolutions {
            guard let input = covariances.removeValue(forKey: fused.name), let code = codes[network[operation.input].name] else { continue }
            let (weight, bias) = try checkpoint.folded(fused.tensors, norm: fused.norm)
            weights[fused.name] = QuantizedWeights(fused.convolution, weight: weight, bias: bias, code: code, input: input)
        }
        roundedWeights = weights
        return weights
    }

    /// Of each channel, over all images and pixels.
    private func means(of value: ValueID) -> [Double] {
        let sums = value == network.input ? inputSums : plan.images.firstIndex { $0.name == network[value].name }.map { self.sums[$0] }
        return (sums ?? []).map { $0 / Double(max(1, images)) }
    }
}

extension Configuration.Evaluation {
    /// An image's bytes as codes of the network's input; nil where there are none for its mean.
    var inputCode: LinearCode? {
        let code = LinearCode(
            scale: standardDeviation.map { Float(white / (255 * $0)) }, zero: mean.map { Float($0 * 255 / white) })
        return code.zero.allSatisfy { (0...255).contains($0) } && code.scale.allSatisfy { (1e-12...1e12).contains($0) } ? code : nil
    }
}

/// A quantised network, to be written as a model's folder.
public struct QuantizedModel {
    public let source: ModelSource
    let network: FusedNetwork
    let checkpoint: Checkpoint
    public var quantization: Quantization
    /// Every convolution, in order.
    public let layers: [Quantizer.Layer]
    let weights: [String: QuantizedWeights]

    /// Writes `config.json` and `model.safetensors` into a folder, which is made.
    ///
    /// - Throws: `ModelError.file` if the folder has a model already or cannot be written; what the checkpoint throws.
    public func write(to folder: String) throws(ModelError) {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw .cannotWrite(folder, error)
        }
        for path in ["\(folder)/config.json", "\(folder)/model.safetensors"] where FileManager.default.fileExists(atPath: path) {
            throw .file("\(path) is there already: remove it, or give another folder")
        }
        try writeTensors(to: "\(folder)/model.safetensors")
        try rewriteConfiguration(in: folder)
    }

    /// Writes `config.json` alone: the quantisation's report may have been added.
    ///
    /// - Throws: `ModelError.file` if it cannot be written.
    public func rewriteConfiguration(in folder: String) throws(ModelError) {
        var configuration = source.configuration
        configuration.quantization = quantization
        let json = try configuration.json()
        do {
            try json.write(to: URL(filePath: "\(folder)/config.json"), options: .atomic)
        } catch {
            throw .cannotWrite("\(folder)/config.json", error)
        }
    }

    private enum Contents {
        case integers([Int8])
        case floats([Float])
        /// The checkpoint's own.
        case kept(as: SafeTensors.ElementType)

        var elementType: SafeTensors.ElementType {
            switch self {
            case .integers: .int8
            case .floats: .float32
            case .kept(let type): type
            }
        }
    }

    private func writeTensors(to path: String) throws(ModelError) {
        /// What the quantised convolutions take the place of.
        var replaced: Set<String> = []
        var tensors: [(parameter: Parameter, contents: Contents)] = []
        for operation in network.operations {
            guard case .convolution(let fused) = operation.kind, let weights = weights[fused.name] else { continue }
            replaced.formUnion((fused.tensors.all + (fused.norm?.all ?? [])).map(\.name))
            let (weight, scale, bias) = DotConvolutionStep.quantizedTensors(of: fused)
            tensors += [(weight, .integers(weights.weights)), (scale, .floats(weights.scale)), (bias, .floats(weights.bias))]
        }
        // As a plan in 8 bits holds them.
        let linear = Set(
            network.operations.compactMap { if case .linear(let tensors, _, _) = $0.kind { tensors.weight.name } else { nil } })
        for parameter in source.network.parameters where !replaced.contains(parameter.name) {
            tensors.append((parameter, .kept(as: linear.contains(parameter.name) ? .bfloat16 : .float32)))
        }
        let writer = try SafeTensorsWriter(
            path: path,
            entries: tensors.map { tensor in
                SafeTensorsWriter.Entry(
                    name: tensor.parameter.name, elementType: tensor.contents.elementType, shape: tensor.parameter.shape)
            })
        for (parameter, contents) in tensors {
            switch contents {
            case .integers(let integers): try writer.append(elements: integers)
            case .floats(let floats): try writer.append(elements: floats)
            case .kept(as: .bfloat16):
                var weight = try checkpoint.floats(parameter)
                weight.roundToBFloat16(rows: parameter.shape[0])
                try writer.append(elements: weight.map(excite_nearest_bfloat16))
            case .kept: try writer.append(elements: try checkpoint.floats(parameter))
            }
        }
        try writer.finish()
    }
}

extension SafeTensorsWriter {
    fileprivate func append<Element>(elements: [Element]) throws(ModelError) {
        let failure: ModelError? = elements.withUnsafeBytes { bytes in
            do throws(ModelError) { try append(bytes) } catch { return error }
            return nil
        }
        if let failure { throw failure }
    }
}
