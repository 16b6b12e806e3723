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
    public var license: String?

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
        self.name = name
        fullName = name
        structure = .architecture(try Self.architecture(named: name))
        classes = 1000
        inputChannels = 3
        evaluation = Evaluation()
        labelDescriptions = [:]
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
            throw .configuration("config.json: \(error.summary)")
        } catch {
            throw .configuration("config.json is not JSON: \(error)")
        }
        let arguments = file.model_args ?? ModelArguments()
        let pretrained = file.pretrained_cfg ?? Pretrained()
        name = file.architecture
        fullName = pretrained.tag.map { $0.isEmpty ? file.architecture : "\(file.architecture).\($0)" } ?? file.architecture
        let stated = file.num_classes ?? arguments.num_classes ?? pretrained.num_classes
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
            inputChannels = arguments.in_chans ?? 3
            evaluation = try pretrained.evaluation(inputChannels: inputChannels)
            classes = stated ?? 1000
        }
        labelNames = pretrained.label_names ?? file.label_names
        labelDescriptions = pretrained.label_descriptions ?? file.label_descriptions ?? [:]
        license = pretrained.license
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
            throw .configuration("model_args.se: \(error.summary)")
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
        if let architecture = Architecture.named[name] { return architecture }
        throw .configuration(
            "architecture '\(name)' is not supported: it must be one of timm's SE-ResNets, SE-ResNeXts and their kin (seresnet50, "
                + "seresnext50_32x4d, seresnextaa101d_32x8d, seresnet33ts, resnetrs50, senet154, legacy_seresnet50, …), the same without SE, or "
                + "any name beside a list of operations under 'network'")
    }

    private func validate() throws(ModelError) {
        try require((1...65_536).contains(classes), "num_classes must be from 1 to 65,536, not \(classes)")
        try require((1...4).contains(inputChannels), "in_chans must be from 1 to 4, not \(inputChannels)")
        if case .architecture(let architecture) = structure { try architecture.validate() }
        try evaluation.validate()
        try require(
            evaluation.mean.count == inputChannels && evaluation.standardDeviation.count == inputChannels,
            "mean and std need one value for each of the \(inputChannels) input channels")
        if let labelNames {
            try require(labelNames.count == classes, "label_names has \(labelNames.count) entries for \(classes) classes")
        }
    }
}

extension Architecture {
    fileprivate func validate() throws(ModelError) {
        try require(!layers.isEmpty, "model_args.layers is empty")
        try require(
            layers.count == channels.count, "model_args.layers has \(layers.count) stages, model_args.channels \(channels.count)")
        try require(layers.allSatisfy((1...1000).contains), "model_args.layers must each be from 1 to 1,000")
        try require(channels.allSatisfy((1...16_384).contains), "model_args.channels must each be from 1 to 16,384")
        try require((4...4096).contains(stemWidth), "model_args.stem_width must be from 4 to 4,096")
        try require((1...4096).contains(cardinality), "model_args.cardinality must be from 1 to 4,096")
        try require((1...4096).contains(baseWidth), "model_args.base_width must be from 1 to 4,096")
        try require([1, 3].contains(downsampleKernel), "model_args.down_kernel_size must be 1 or 3, not \(downsampleKernel)")
        try require((1...64).contains(reduceFirst), "model_args.block_reduce_first must be from 1 to 64, not \(reduceFirst)")
        try require(block == .bottleneck || reduceFirst == 1, "a basic block has no block_reduce_first")
        try require(
            block == .bottleneck || (cardinality == 1 && baseWidth == 64), "a basic block has neither cardinality nor base_width")
        for channels in channels {
            let hidden = squeezeExcitation?.gate(channels: channels * block.expansion).hidden
            try require(hidden.map((1...65_536).contains) ?? true, "the gate of a stage with \(channels) channels has no hidden values")
            try require(
                channels * baseWidth >= 64 && width(planes: channels).channels >= reduceFirst,
                "a stage with \(channels) channels and this base_width has no width")
        }
    }
}

extension Configuration.Evaluation {
    fileprivate func validate() throws(ModelError) {
        let edges = 32...4096
        try require(
            edges.contains(height) && edges.contains(width), "input_size must be from 32 to 4,096, not \(height) × \(width)")
        let (testHeight, testWidth) = (testHeight ?? height, testWidth ?? width)
        try require(
            edges.contains(testHeight) && edges.contains(testWidth),
            "test_input_size must be from 32 to 4,096, not \(testHeight) × \(testWidth)")
        let testCropFraction = testCropFraction ?? cropFraction
        try require(testCropFraction > 0 && testCropFraction <= 4, "test_crop_pct must be above 0 and at most 4")
        try require(cropFraction > 0 && cropFraction <= 4, "crop_pct must be above 0 and at most 4")
        try require(standardDeviation.allSatisfy { $0 > 0 }, "std must be positive")
    }
}

private func require(_ condition: Bool, _ what: String) throws(ModelError) {
    if !condition { throw .configuration("config.json: \(what)") }
}
