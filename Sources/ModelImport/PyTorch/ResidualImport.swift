import SENet

/// What shapes cannot tell about a residual network.
public struct ResidualConventions: Sendable, Equatable {
    public enum StridePlace: String, Sendable, CaseIterable {
        /// The first convolution of a block, a bottleneck's 1 × 1.
        case first
        /// A bottleneck's 3 × 3.
        case middle
    }

    public enum StemPooling: String, Sendable, CaseIterable {
        /// Largest of 3 × 3, stride 2, one pixel of padding (PyTorch's ResNets).
        case padded
        /// Largest of 3 × 3, stride 2, the output's size rounded up (the authors' networks and their ports).
        case ceil
        case none
    }

    public var stridePlace: StridePlace?
    public var stemPooling: StemPooling?
    public var stemStride: Int?
    public var activation: Activation?

    public init(stridePlace: StridePlace? = nil, stemPooling: StemPooling? = nil, stemStride: Int? = nil, activation: Activation? = nil) {
        self.stridePlace = stridePlace
        self.stemPooling = stemPooling
        self.stemStride = stemStride
        self.activation = activation
    }
}

/// Builds the operations of a residual network from the shapes of its tensors. Operations are named as timm names a ResNet's modules.
struct ResidualImport {
    private let structure: ResidualStructure
    private let conventions: ResidualConventions
    /// Whether the state dictionary's names are those of the ports of the authors' networks (Cadene's `pretrained-models`, timm's `legacy_…`).
    private let isPort: Bool
    private var operations: [Operation] = []
    private var tensors: [ImportedTensor] = []
    private var assumptions: [String] = []
    private var channels = 0

    /// - Throws: `ModelError.weights` where the shapes do not fit each other.
    static func model(_ tensors: [ImportedTensor], file: InputFile, conventions: ResidualConventions) throws(ModelError) -> ImportedModel {
        var builder = try ResidualImport(ResidualStructure(tensors), tensors, conventions)
        return try builder.build(file)
    }

    private init(_ structure: ResidualStructure, _ tensors: [ImportedTensor], _ conventions: ResidualConventions) {
        self.structure = structure
        self.conventions = conventions
        isPort = tensors.contains { $0.name.contains("layer0.") }
    }

    private mutating func build(_ file: InputFile) throws(ModelError) -> ImportedModel {
        channels = structure.stem[0].convolution.weight[1]
        let inputChannels = channels
        var value = try stem()
        let stride = stridePlace
        for (stage, blocks) in structure.stages.enumerated() {
            for (index, block) in blocks.enumerated() {
                value = try add(block, "layer\(stage + 1).\(index)", value, isFirst: stage > 0 && index == 0, stride)
            }
        }
        assumptions.append("the first block of every stage but the first halves the image")
        value = append("global_pool", .globalPooling(.average), [value])
        guard let classifier = structure.classifier.linear, classifier.inputs == channels else {
            throw ResidualStructure.failure("the classifier \(structure.classifier.name) does not take \(channels) features")
        }
        _ = append("fc", .linear(Linear(inputs: classifier.inputs, outputs: classifier.outputs)), [value])
        try take(structure.classifier, as: "fc", hasBias: true)
        let network = Network(name: "imported", inputChannels: inputChannels, operations: operations)
        var model = ImportedModel(network: network, tensors: tensors, file: file)
        model.findings = findings
        model.leftOut = structure.beside
        model.assumptions = assumptions
        return model
    }

    private mutating func append(_ name: String, _ kind: Operation.Kind, _ inputs: [String]) -> String {
        operations.append(Operation(name, kind, inputs: inputs))
        return name
    }

    /// Takes a module's tensors under another name; a bias that the file does not have is zero.
    private mutating func take(_ module: ResidualStructure.Module, as name: String, hasBias: Bool, shape: [Int]? = nil) throws(ModelError) {
        guard var weight = module.tensors["weight"] else { return }
        weight.name = "\(name).weight"
        weight.shape = shape ?? weight.shape
        tensors.append(weight)
        guard hasBias else { return }
        let count = weight.shape[0]
        let zeros = ImportedTensor(name: "", shape: [count], values: .computed([Float](repeating: 0, count: count)))
        let bias = module.tensors["bias"] ?? zeros
        guard bias.shape == zeros.shape else {
            throw ResidualStructure.failure("the bias of \(module.name) does not have \(count) values")
        }
        tensors.append(bias.named("\(name).bias"))
    }

    /// A convolution and its batch norm.
    private mutating func add(
        _ layer: ResidualStructure.Layer, _ name: String, norm: String, _ value: String, inputs: Int, stride: Int
    ) throws(ModelError) -> String {
        let shape = layer.convolution.weight
        guard shape[1] > 0, shape[0] > 0, inputs % shape[1] == 0, shape[0] % (inputs / shape[1]) == 0, (1...15).contains(layer.kernel),
            layer.kernel % 2 == 1
        else { throw ResidualStructure.failure("\(layer.convolution.name) \(shape) does not take \(inputs) channels") }
        let hasBias = layer.convolution.tensors["bias"] != nil
        let convolution = Convolution(
            inputs: inputs, outputs: shape[0], kernel: layer.kernel, stride: stride, groups: inputs / shape[1], bias: hasBias)
        let product = append(name, .convolution(convolution), [value])
        try take(layer.convolution, as: name, hasBias: hasBias)
        for parameter in Operation(norm, .batchNorm(BatchNorm(channels: shape[0])), inputs: []).parameters {
            let part = String(parameter.name.dropFirst(norm.count + 1))
            guard let tensor = layer.norm.tensors[part], tensor.shape == parameter.shape else {
                throw ResidualStructure.failure("\(layer.norm.name) has no \(part) of \(shape[0]) values")
            }
            tensors.append(tensor.named(parameter.name))
        }
        return append(norm, .batchNorm(BatchNorm(channels: shape[0])), [product])
    }

    private var activation: Activation { conventions.activation ?? .relu }
    private mutating func activate(_ value: String) -> String {
        append("\(value).\(activation.rawValue)", .activation(activation), [value])
    }
}

extension ResidualImport {
    private mutating func stem() throws(ModelError) -> String {
        let layers = structure.stem
        // A single 3 × 3 is the stem of networks for small images.
        let isSmall = layers.count == 1 && layers[0].kernel < 7
        let stride = conventions.stemStride ?? (isSmall ? 1 : 2)
        let pooling = conventions.stemPooling ?? (isSmall ? .none : isPort ? .ceil : .padded)
        if conventions.stemStride == nil { assumptions.append("the stem's stride is \(stride) (--stem-stride)") }
        if conventions.stemPooling == nil { assumptions.append("the pooling after the stem is '\(pooling.rawValue)' (--stem-pooling)") }
        if conventions.activation == nil { assumptions.append("the activation is ReLU (--activation)") }
        var value = Network.input
        for (index, layer) in layers.enumerated() {
            let isLast = index == layers.count - 1
            let name = layers.count == 1 ? "conv1" : "conv1.\(3 * index)"
            value = try add(
                layer, name, norm: isLast ? "bn1" : "conv1.\(3 * index + 1)", value, inputs: channels, stride: index == 0 ? stride : 1)
            value = activate(value)
            channels = layer.outputs
        }
        guard pooling != .none else { return value }
        let kind = Operation.Kind.pooling(
            Pooling(operator: .max, kernel: 3, stride: 2, padding: pooling == .padded ? 1 : 0, ceil: pooling == .ceil))
        return append("maxpool", kind, [value])
    }

    /// The authors' SE-ResNets have the stride on the first 1 × 1, their grouped networks and all later ones on the 3 × 3.
    private var stridePlace: ResidualConventions.StridePlace {
        mutating get {
            guard let block = structure.stages.last?.first, block.layers.count == 3 else { return .first }
            if let given = conventions.stridePlace { return given }
            let isGrouped = block.layers[1].convolution.weight[1] != block.layers[0].outputs
            let place: ResidualConventions.StridePlace = isPort && !isGrouped ? .first : .middle
            assumptions.append("the stride is on the \(place.rawValue) convolution of a bottleneck (--stride)")
            return place
        }
    }

    private mutating func add(
        _ block: ResidualStructure.Block, _ name: String, _ input: String, isFirst: Bool, _ place: ResidualConventions.StridePlace
    ) throws(ModelError) -> String {
        let stride = isFirst && block.projection != nil ? 2 : 1
        let outputs = block.layers[block.layers.count - 1].outputs
        let shortcut = try shortcut(block, "\(name).downsample", input, stride: stride, outputs: outputs)
        var value = input
        var inputs = channels
        for (index, layer) in block.layers.enumerated() {
            let isStrided = index == (place == .middle ? 1 : 0)
            value = try add(
                layer, "\(name).conv\(index + 1)", norm: "\(name).bn\(index + 1)", value, inputs: inputs, stride: isStrided ? stride : 1)
            // The port of the authors' basic block applies ReLU before the gate too.
            if index < block.layers.count - 1 || (isPort && block.layers.count == 2) { value = activate(value) }
            inputs = layer.outputs
        }
        value = try gate(block, "\(name).se", value, outputs)
        channels = outputs
        return activate(append("\(name).add", .add, [value, shortcut]))
    }

    private mutating func shortcut(
        _ block: ResidualStructure.Block, _ name: String, _ input: String, stride: Int, outputs: Int
    ) throws(ModelError) -> String {
        guard let projection = block.projection else {
            guard channels == outputs else {
                throw ResidualStructure.failure("block \(block.name) has no projection from \(channels) to \(outputs) channels")
            }
            return input
        }
        guard projection.outputs == outputs else {
            throw ResidualStructure.failure("the projection of block \(block.name) has \(projection.outputs) channels, not \(outputs)")
        }
        guard block.averageDown else {
            return try add(projection, "\(name).0", norm: "\(name).1", input, inputs: channels, stride: stride)
        }
        var value = input
        if stride > 1 {
            let pooling = Pooling(operator: .average, kernel: 2, stride: stride, ceil: true)
            value = append("\(name).0", .pooling(pooling), [value])
        }
        return try add(projection, "\(name).1", norm: "\(name).2", value, inputs: channels, stride: 1)
    }

    private mutating func gate(
        _ block: ResidualStructure.Block, _ name: String, _ value: String, _ channels: Int
    ) throws(ModelError) -> String {
        guard let squeeze = block.gate.first?.linear, let excitation = block.gate.last?.linear else { return value }
        guard squeeze.inputs == channels, excitation.outputs == channels, squeeze.outputs == excitation.inputs else {
            throw ResidualStructure.failure(
                "the gate of block \(block.name), \(squeeze.inputs) to \(squeeze.outputs) to \(excitation.outputs), "
                    + "does not stand after the last convolution, which has \(channels) channels")
        }
        let factors = append(name, .gate(Gate(channels: channels, hidden: squeeze.outputs)), [value])
        try take(block.gate[0], as: "\(name).fc1", hasBias: true, shape: [squeeze.outputs, channels, 1, 1])
        try take(block.gate[1], as: "\(name).fc2", hasBias: true, shape: [channels, squeeze.outputs, 1, 1])
        return append("\(name).scale", .scale, [value, factors])
    }

    private var findings: [String] {
        let blocks = structure.stages.flatMap { $0 }
        let first = blocks[0]
        var findings = [
            "stem: " + structure.stem.map { "\($0.kernel)×\($0.kernel), \($0.outputs)" }.joined(separator: "; ") + " channels",
            "\(first.layers.count == 3 ? "bottleneck" : "basic") blocks: \(structure.stages.map { "\($0.count)" }.joined(separator: ", "))",
            "channels: " + structure.stages.map { "\($0[0].layers[$0[0].layers.count - 1].outputs)" }.joined(separator: ", "),
        ]
        if first.layers.count == 3 {
            let groups = first.layers[0].outputs / max(1, first.layers[1].convolution.weight[1])
            findings.append("groups of the 3×3: \(groups)")
        }
        if let projection = blocks.compactMap(\.projection).last {
            let pooled = blocks.contains(where: \.averageDown) ? ", after average pooling" : ""
            findings.append("projection: \(projection.kernel)×\(projection.kernel)\(pooled)")
        }
        let gates = structure.stages.map { stage in stage.first { !$0.gate.isEmpty }?.gate[0].linear.map { "\($0.outputs)" } ?? "none" }
        let hasBias = blocks.first { !$0.gate.isEmpty }.map { $0.gate[0].tensors["bias"] != nil } ?? true
        findings.append("hidden width of the gates: " + gates.joined(separator: ", ") + (hasBias ? "" : ", without bias"))
        return findings
    }
}
