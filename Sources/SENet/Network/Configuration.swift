import FoundationEssentials

/// A model's `config.json` as timm writes it for the Hugging Face hub, with the defaults that the architecture's name implies filled in.
public struct Configuration: Sendable, Equatable {
    /// timm's name of the architecture, `seresnet50`.
    public var name: String
    /// The name with the checkpoint's tag where the file has one: `seresnet50.a1_in1k`.
    public var fullName: String
    public var architecture: Architecture
    public var classes: Int
    public var inputChannels: Int
    public var evaluation: Evaluation
    /// Short names of the classes (WordNet ids, say) and their descriptions, where the file has them.
    public var labelNames: [String]?
    public var labelDescriptions: [String: String]
    public var license: String?

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
    }

    /// A published architecture as timm creates it, for 1,000 classes.
    ///
    /// - Throws: `ModelError.configuration` if there is none of that name.
    public init(architecture name: String) throws(ModelError) {
        self.name = name
        fullName = name
        architecture = try Self.architecture(named: name)
        classes = 1000
        inputChannels = 3
        evaluation = Evaluation()
        labelDescriptions = [:]
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
        architecture = try arguments.applied(to: Self.architecture(named: name))
        classes = file.num_classes ?? arguments.num_classes ?? pretrained.num_classes ?? 1000
        inputChannels = arguments.in_chans ?? 3
        evaluation = try pretrained.evaluation(inputChannels: inputChannels)
        labelNames = pretrained.label_names ?? file.label_names
        labelDescriptions = pretrained.label_descriptions ?? file.label_descriptions ?? [:]
        license = pretrained.license
        try validate()
    }

    /// The network's operations.
    public var network: Network {
        ResNetBuilder.network(name: name, architecture: architecture, inputChannels: inputChannels, classes: classes)
    }

    private static func architecture(named name: String) throws(ModelError) -> Architecture {
        if let architecture = Architecture.named[name] { return architecture }
        throw .configuration(
            "architecture '\(name)' is not supported: it must be one of timm's SE-ResNets and SE-ResNeXts (seresnet50, "
                + "seresnext50_32x4d, legacy_seresnet50, …), or the same without SE")
    }

    private func validate() throws(ModelError) {
        func require(_ condition: Bool, _ what: String) throws(ModelError) {
            if !condition { throw .configuration("config.json: \(what)") }
        }
        let sizes = 1...65_536
        try require(sizes.contains(classes), "num_classes must be from 1 to 65,536, not \(classes)")
        try require((1...4).contains(inputChannels), "in_chans must be from 1 to 4, not \(inputChannels)")
        try require(!architecture.layers.isEmpty, "model_args.layers is empty")
        try require(
            architecture.layers.count == architecture.channels.count,
            "model_args.layers has \(architecture.layers.count) stages, model_args.channels \(architecture.channels.count)")
        try require(architecture.layers.allSatisfy((1...1000).contains), "model_args.layers must each be from 1 to 1,000")
        try require(architecture.channels.allSatisfy((1...16_384).contains), "model_args.channels must each be from 1 to 16,384")
        try require((4...4096).contains(architecture.stemWidth), "model_args.stem_width must be from 4 to 4,096")
        try require((1...4096).contains(architecture.cardinality), "model_args.cardinality must be from 1 to 4,096")
        try require((1...4096).contains(architecture.baseWidth), "model_args.base_width must be from 1 to 4,096")
        try require(
            architecture.block == .bottleneck || (architecture.cardinality == 1 && architecture.baseWidth == 64),
            "a basic block has neither cardinality nor base_width")
        for channels in architecture.channels {
            let hidden = architecture.hiddenWidth(channels: channels * architecture.block.expansion)
            try require(hidden.map((1...65_536).contains) ?? true, "the gate of a stage with \(channels) channels has no hidden values")
            try require(channels * architecture.baseWidth >= 64, "a stage with \(channels) channels and this base_width has no width")
        }
        let edges = 32...4096
        try require(
            edges.contains(evaluation.height) && edges.contains(evaluation.width),
            "input_size must be from 32 to 4,096, not \(evaluation.height) × \(evaluation.width)")
        let (testHeight, testWidth) = (evaluation.testHeight ?? evaluation.height, evaluation.testWidth ?? evaluation.width)
        try require(
            edges.contains(testHeight) && edges.contains(testWidth),
            "test_input_size must be from 32 to 4,096, not \(testHeight) × \(testWidth)")
        let testCropFraction = evaluation.testCropFraction ?? evaluation.cropFraction
        try require(testCropFraction > 0 && testCropFraction <= 4, "test_crop_pct must be above 0 and at most 4")
        try require(evaluation.cropFraction > 0 && evaluation.cropFraction <= 4, "crop_pct must be above 0 and at most 4")
        try require(
            evaluation.mean.count == inputChannels && evaluation.standardDeviation.count == inputChannels,
            "mean and std need one value for each of the \(inputChannels) input channels")
        try require(evaluation.standardDeviation.allSatisfy { $0 > 0 }, "std must be positive")
        if let labelNames {
            try require(labelNames.count == classes, "label_names has \(labelNames.count) entries for \(classes) classes")
        }
    }
}

// The file's own names, so that an error names what its author can see.
// swift-format-ignore: AlwaysUseLowerCamelCase
extension Configuration {
    private struct File: Decodable {
        var architecture: String
        var num_classes: Int?
        var model_args: ModelArguments?
        var pretrained_cfg: Pretrained?
        var label_names: [String]?
        var label_descriptions: [String: String]?
    }

    private struct Pretrained: Decodable {
        var tag: String?
        var input_size: [Int]?
        var test_input_size: [Int]?
        var crop_pct: Double?
        var test_crop_pct: Double?
        var crop_mode: String?
        var interpolation: String?
        var mean: [Double]?
        var std: [Double]?
        var num_classes: Int?
        var license: String?
        var label_names: [String]?
        var label_descriptions: [String: String]?

        func evaluation(inputChannels: Int) throws(ModelError) -> Evaluation {
            var evaluation = Evaluation()
            if let input_size {
                (evaluation.height, evaluation.width) = try size(input_size, inputChannels, "input_size")
            }
            if let test_input_size {
                (evaluation.testHeight, evaluation.testWidth) = try size(test_input_size, inputChannels, "test_input_size")
            }
            evaluation.testCropFraction = test_crop_pct
            evaluation.cropFraction = crop_pct ?? evaluation.cropFraction
            evaluation.cropMode = crop_mode ?? evaluation.cropMode
            evaluation.interpolation = interpolation ?? evaluation.interpolation
            evaluation.mean = mean ?? evaluation.mean
            evaluation.standardDeviation = std ?? evaluation.standardDeviation
            return evaluation
        }

        private func size(_ size: [Int], _ inputChannels: Int, _ key: String) throws(ModelError) -> (height: Int, width: Int) {
            guard size.count == 3, size[0] == inputChannels else {
                throw .configuration("config.json: pretrained_cfg.\(key) must be [\(inputChannels), height, width], not \(size)")
            }
            return (size[1], size[2])
        }
    }
}

extension DecodingError {
    /// One line: where in the document, and what was expected.
    var summary: String {
        let context: Context
        switch self {
        case .typeMismatch(_, let found), .valueNotFound(_, let found), .keyNotFound(_, let found), .dataCorrupted(let found):
            context = found
        @unknown default: return "\(self)"
        }
        var path = context.codingPath.map { key in key.intValue.map { "[\($0)]" } ?? key.stringValue }
        if case .keyNotFound(let key, _) = self { path.append(key.stringValue) }
        return path.isEmpty ? context.debugDescription : "\(path.joined(separator: ".")): \(context.debugDescription)"
    }
}
