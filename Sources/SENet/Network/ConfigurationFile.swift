import FoundationEssentials

// The file's own names, so that an error names what its author can see.
// swift-format-ignore: AlwaysUseLowerCamelCase
extension Configuration {
    /// A `config.json` as it is written by timm since 0.8, with the evaluation under `pretrained_cfg`; by timm before, which wrote that object
    /// itself with the architecture in it; or by transformers' wrapper of timm's models, with the labels under `id2label`.
    struct File: Decodable {
        var architecture: String
        var num_classes: Int?
        var model_args: ModelArguments?
        var network: Network?
        var description: Description

        private enum Key: String, CodingKey { case architecture, num_classes, model_args, network }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: Key.self)
            architecture = try values.decode(String.self, forKey: .architecture)
            num_classes = try values.decodeIfPresent(Int.self, forKey: .num_classes)
            model_args = try values.decodeIfPresent(ModelArguments.self, forKey: .model_args)
            network = try values.decodeIfPresent(Network.self, forKey: .network)
            description = try Description(from: decoder)
        }
    }

    /// What such a file says besides the network: how it was evaluated, and what its classes are.
    struct Description: Decodable {
        var id2label: [Int: String]?
        var quantization: Quantization?
        /// `pretrained_cfg`, or the file itself where it has none.
        var pretrained: Pretrained
        /// What of the same keys stands beside `pretrained_cfg`.
        private var outer: Pretrained

        private enum Key: String, CodingKey, CaseIterable {
            case architecture, num_classes, model_args, network, pretrained_cfg, id2label, quantization
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: Key.self)
            id2label = try values.decodeIfPresent([Int: String].self, forKey: .id2label)
            quantization = try values.decodeIfPresent(Quantization.self, forKey: .quantization)
            outer = try Pretrained(from: decoder)
            pretrained = try values.decodeIfPresent(CheckedPretrained.self, forKey: .pretrained_cfg)?.pretrained ?? outer
            try decoder.refuseKeysThatMatter(besides: Key.allCases.map(\.rawValue) + Pretrained.keys)
        }

        /// The outer ones win, as with timm.
        var labelNames: ClassNames? {
            outer.label_names ?? outer.labels ?? pretrained.label_names ?? pretrained.labels ?? id2label.map(ClassNames.numbered)
        }

        var labelDescriptions: [String: String] { outer.label_descriptions ?? pretrained.label_descriptions ?? [:] }

        /// - Throws: `ModelError.configuration` if the network was trained to give something else than labels.
        func outputActivation(classes: Int) throws(ModelError) -> OutputActivation {
            switch outer.problem_type ?? pretrained.problem_type {
            // A softmax of one value would be 1, whatever the image.
            case nil, "single_label_classification": return classes == 1 ? .sigmoid : .softmax
            case "multi_label_classification": return .sigmoid
            case let other?:
                throw .configuration(
                    "config.json: problem_type '\(other)' is not supported: single_label_classification, multi_label_classification")
            }
        }

        /// - Throws: `ModelError.configuration` if what stands beside `pretrained_cfg` says something else than what stands in it.
        func refuseDisplaced(from evaluation: Evaluation, inputChannels: Int) throws(ModelError) {
            guard try outer.evaluation(over: evaluation, inputChannels: inputChannels) == evaluation else {
                throw .configuration(
                    "config.json: keys of the evaluation (input_size, crop_pct, mean, …) stand beside pretrained_cfg, where nobody reads them, "
                        + "and say something else than it: move them into it, or remove them")
            }
        }
    }

    /// What classes are called.
    enum ClassNames: Codable {
        /// In the classifier's order.
        case list([String])
        /// By the class's number; some may have no name.
        case numbered([Int: String])

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            do {
                self = .list(try value.decode([String].self))
            } catch DecodingError.typeMismatch(_, let context) where context.codingPath.count == decoder.codingPath.count {
                self = .numbered(try value.decode([Int: String].self))
            }
        }

        func encode(to encoder: any Encoder) throws {
            var value = encoder.singleValueContainer()
            switch self {
            case .list(let names): try value.encode(names)
            case .numbered(let names): try value.encode(names)
            }
        }

        /// One name a class: its number for a class without.
        ///
        /// - Throws: `ModelError.configuration` for the number of a class that there is not.
        func list(classes: Int) throws(ModelError) -> [String] {
            switch self {
            case .list(let names): return names
            case .numbered(let names):
                if let number = names.keys.first(where: { !(0..<classes).contains($0) }) {
                    throw .configuration("config.json: a label for class \(number), but the classes are 0 to \(classes - 1)")
                }
                return (0..<classes).map { names[$0] ?? "\($0)" }
            }
        }
    }

    struct Pretrained: Codable {
        var tag: String?
        var input_size: [Int]?
        var test_input_size: [Int]?
        var crop_pct: Double?
        var test_crop_pct: Double?
        var crop_mode: String?
        var interpolation: String?
        var mean: [Double]?
        var std: [Double]?
        // As the ports of Caffe's networks name it; timm's own all take RGB from 0 to 1.
        var input_space: String?
        var input_range: [Double]?
        var num_classes: Int?
        var license: String?
        var label_names: ClassNames?
        // As timm before 0.8 called it.
        var labels: ClassNames?
        var label_descriptions: [String: String]?
        var problem_type: String?

        enum CodingKeys: String, CodingKey, CaseIterable {
            case tag, input_size, test_input_size, crop_pct, test_crop_pct, crop_mode, interpolation, mean, std, input_space, input_range
            case num_classes, license, label_names, labels, label_descriptions, problem_type
        }
        static let keys = CodingKeys.allCases.map(\.rawValue)

        func evaluation(over defaults: Evaluation = Evaluation(), inputChannels: Int) throws(ModelError) -> Evaluation {
            var evaluation = defaults
            if let input_size {
                (evaluation.height, evaluation.width) = try size(input_size, inputChannels, "input_size")
            }
            if let test_input_size {
                (evaluation.testHeight, evaluation.testWidth) = try size(test_input_size, inputChannels, "test_input_size")
            }
            evaluation.testCropFraction = test_crop_pct ?? evaluation.testCropFraction
            evaluation.cropFraction = crop_pct ?? evaluation.cropFraction
            evaluation.cropMode = crop_mode ?? evaluation.cropMode
            evaluation.interpolation = interpolation ?? evaluation.interpolation
            evaluation.mean = mean ?? evaluation.mean
            evaluation.standardDeviation = std ?? evaluation.standardDeviation
            evaluation.inputSpace = input_space ?? evaluation.inputSpace
            if let input_range {
                guard input_range == [0, 1] || input_range == [0, 255] else {
                    throw .configuration("config.json: pretrained_cfg.input_range must be [0, 1] or [0, 255], not \(input_range)")
                }
                evaluation.white = input_range[1]
            }
            return evaluation
        }

        private func size(_ size: [Int], _ inputChannels: Int, _ key: String) throws(ModelError) -> (height: Int, width: Int) {
            guard size.count == 3, size[0] == inputChannels else {
                throw .configuration("config.json: pretrained_cfg.\(key) must be [\(inputChannels), height, width], not \(size)")
            }
            return (size[1], size[2])
        }
    }

    /// The same where no other key that matters may stand beside it.
    struct CheckedPretrained: Decodable {
        var pretrained: Pretrained

        init(from decoder: any Decoder) throws {
            pretrained = try Pretrained(from: decoder)
            try decoder.refuseKeysThatMatter(besides: Pretrained.keys)
        }
    }
}

extension DecodingError {
    /// One line: where in the document, and what was expected.
    func summary(of document: Data) -> String {
        let context: Context
        switch self {
        case .typeMismatch(_, let found), .valueNotFound(_, let found), .keyNotFound(_, let found), .dataCorrupted(let found):
            context = found
        @unknown default: return "\(self)"
        }
        var path = context.codingPath.map { key in key.intValue.map { "[\($0)]" } ?? key.stringValue }
        if case .keyNotFound(let key, _) = self { path.append(key.stringValue) }
        if case .dataCorrupted = self, path.isEmpty, let word = UnknownWord(in: document) { return word.description }
        return path.isEmpty ? context.debugDescription : "\(path.joined(separator: ".")): \(context.debugDescription)"
    }
}
