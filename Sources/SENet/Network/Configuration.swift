import FoundationEssentials

/// A model's `config.json` as timm writes it for the Hugging Face hub, with the defaults that the architecture's name implies filled in.
public struct Configuration: Sendable, Equatable {
    /// timm's name of the architecture, `seresnet50`.
    public var name: String
    /// The name with the checkpoint's tag where the file has one: `seresnet50.a1_in1k`.
    public var fullName: String
    public var structure: Structure
    public var classes: Int
    public var inputChannels: Int
    public var evaluation: Evaluation
    /// Short names of the classes (WordNet ids, say) and their descriptions, where the file has them.
    public var labelNames: [String]?
    public var labelDescriptions: [String: String]
    /// Whether the classes exclude each other: not where the checkpoint was trained to give several labels, or one.
    public var outputActivation: OutputActivation
    public var license: String?
    /// How the weights were made into 8-bit integers; nil where they were not.
    public var quantization: Quantization?

    /// What turns logits into scores.
    public enum OutputActivation: Sendable {
        /// Over all classes, of which one holds.
        case softmax
        /// Of each class alone.
        case sigmoid
    }

    /// Where the operations come from.
    public enum Structure: Sendable, Equatable {
        case architecture(Architecture)
        /// The file lists them itself, under `network`.
        case operations(Network)
    }

    /// How the checkpoint's authors evaluated it: `pretrained_cfg`. Defaults are timm's.
    public struct Evaluation: Sendable, Equatable {
        public var height = 224
        public var width = 224
        /// The part of the resized image's edge that the crop keeps.
        public var cropFraction = 0.875
        public var cropMode = "center"
        public var interpolation = "bicubic"
        public var mean = [0.485, 0.456, 0.406]
        public var standardDeviation = [0.229, 0.224, 0.225]
        /// The other input that timm can evaluate a checkpoint with, mostly a larger one; nil where it is the same.
        public var testHeight: Int?
        public var testWidth: Int?
        public var testCropFraction: Double?
        /// The order of the input channels, `RGB` or `BGR`; `mean` and `standardDeviation` are in this order.
        public var inputSpace = "RGB"
        /// What white is to the network: the end of `input_range`. 1, or 255 for networks that came from Caffe.
        public var white = 1.0

        public init() {}
    }

    /// A published architecture as timm creates it, for 1,000 classes.
    ///
    /// - Throws: `ModelError.configuration` if there is none of that name.
    public init(architecture name: String) throws(ModelError) {
        self.name = Architecture.currentName(name)
        fullName = self.name
        structure = .architecture(try Self.architecture(named: name))
        classes = 1000
        inputChannels = 3
        evaluation = Evaluation()
        labelDescriptions = [:]
        outputActivation = .softmax
    }

    /// A network as a list of operations.
    ///
    /// - Throws: `ModelError.configuration` if the network and the evaluation's input do not fit each other.
    public init(network: Network, evaluation: Evaluation) throws(ModelError) {
        name = network.name
        fullName = network.name
        structure = .operations(network)
        inputChannels = network.inputChannels
        self.evaluation = evaluation
        labelDescriptions = [:]
        classes = try Self.classes(of: network, evaluation)
        outputActivation = classes == 1 ? .sigmoid : .softmax
        try validate()
    }

    /// Reads `config.json`.
    ///
    /// - Throws: `ModelError.configuration` with what is wrong and where.
    public init(json: Data) throws(ModelError) {
        let file: File
        do {
            file = try JSONDecoder().decode(File.self, from: json)
        } catch let error as DecodingError {
            throw .configuration("config.json: \(error.summary(of: json))")
        } catch {
            throw .configuration("config.json is not JSON: \(error)")
        }
        let arguments = file.model_args ?? ModelArguments()
        let (description, pretrained) = (file.description, file.description.pretrained)
        name = Architecture.currentName(file.architecture)
        let tag = pretrained.tag.flatMap { $0.isEmpty ? nil : $0 } ?? Architecture.formerNames[file.architecture]?.tag
        fullName = tag.map { [name] in "\(name).\($0)" } ?? name
        let stated = arguments.num_classes ?? file.num_classes ?? pretrained.num_classes
        if let network = file.network {
            guard file.model_args == nil else { throw .configuration("config.json: model_args cannot stand beside network") }
            structure = .operations(network)
            inputChannels = network.inputChannels
            evaluation = try pretrained.evaluation(inputChannels: inputChannels)
            classes = try Self.classes(of: network, evaluation)
            guard stated == nil || stated == classes else {
                throw .configuration("config.json: num_classes is \(stated ?? 0), but the network's last operation makes \(classes) values")
            }
        } else {
            structure = .architecture(try arguments.applied(to: Self.architecture(named: name)))
            inputChannels = arguments.in_chans ?? pretrained.input_size?.first ?? 3
            evaluation = try pretrained.evaluation(inputChannels: inputChannels)
            classes = stated ?? description.id2label?.count ?? 1000
        }
        try Self.validate(classes: classes)
        labelNames = try description.labelNames?.list(classes: classes)
        labelDescriptions = description.labelDescriptions
        outputActivation = try description.outputActivation(classes: classes)
        license = pretrained.license
        quantization = description.quantization
        try description.refuseDisplaced(from: evaluation, inputChannels: inputChannels)
        try validate()
    }

    /// The same architecture with one of the paper's variants of squeeze and excitation: `json` is what `model_args.se` may be.
    ///
    /// - Throws: `ModelError.configuration` if it is none, or the network is a list of operations.
    public func with(squeezeExcitation json: Data) throws(ModelError) -> Configuration {
        guard case .architecture(var architecture) = structure else {
            throw .configuration("'\(fullName)' is a list of operations: only an architecture that is named can be varied")
        }
        let arguments: SEArguments
        do {
            arguments = try JSONDecoder().decode(SEArguments.self, from: json)
        } catch let error as DecodingError {
            throw .configuration("model_args.se: \(error.summary(of: json))")
        } catch {
            throw .configuration("model_args.se: \(error)")
        }
        architecture.squeezeExcitation = try arguments.applied(to: architecture)
        var copy = self
        copy.structure = .architecture(architecture)
        try copy.validate()
        return copy
    }

    /// The network's operations.
    public var network: Network {
        switch structure {
        case .architecture(let architecture):
            ResNetBuilder.network(name: name, architecture: architecture, inputChannels: inputChannels, classes: classes)
        case .operations(let network): network
        }
    }

    private static func classes(of network: Network, _ evaluation: Evaluation) throws(ModelError) -> Int {
        try evaluation.validate()
        do throws(ModelError) {
            try network.validate(height: evaluation.height, width: evaluation.width)
            return try network.shapes(height: evaluation.height, width: evaluation.width)[network.output]?.channels ?? 0
        } catch {
            throw .configuration("config.json: \(error)")
        }
    }

    private static func architecture(named name: String) throws(ModelError) -> Architecture {
        if let architecture = Architecture.named[Architecture.currentName(name)] { return architecture }
        throw .configuration(
            "architecture '\(name)' is not supported: it must be one of timm's SE-ResNets, SE-ResNeXts and their kin (seresnet50, "
                + "seresnext50_32x4d, seresnextaa101d_32x8d, seresnet33ts, resnetrs50, senet154, legacy_seresnet50, …), the same without SE, or "
                + "any name beside a list of operations under 'network'")
    }
}
