import FoundationEssentials

// The file's own names, so that an error names what its author can see.
// swift-format-ignore: AlwaysUseLowerCamelCase
extension Configuration {
    struct File: Decodable {
        var architecture: String
        var num_classes: Int?
        var model_args: ModelArguments?
        var network: Network?
        var pretrained_cfg: Pretrained?
        var label_names: [String]?
        var label_descriptions: [String: String]?
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
        var label_names: [String]?
        var label_descriptions: [String: String]?

        func evaluation(over defaults: Evaluation = Evaluation(), inputChannels: Int) throws(ModelError) -> Evaluation {
            var evaluation = defaults
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

    private struct WrittenArguments: Encodable {
        var in_chans: Int
    }

    private struct WrittenFile: Encodable {
        var architecture: String
        var num_classes: Int
        var model_args: WrittenArguments?
        var network: Network?
        var pretrained_cfg: Pretrained
    }

    /// A `config.json`, which `init(json:)` reads back as the same network, evaluation and labels. It carries the network as a list of
    /// operations, unless that is one of timm's as its name implies it.
    ///
    /// - Throws: `ModelError.configuration` if a number in it is not finite.
    public func json() throws(ModelError) -> Data {
        let tag = fullName.hasPrefix("\(name).") ? String(fullName.dropFirst(name.count + 1)) : ""
        let pretrained = Pretrained(
            tag: tag, input_size: [inputChannels, evaluation.height, evaluation.width],
            test_input_size: evaluation.testHeight.map { [inputChannels, $0, evaluation.testWidth ?? evaluation.width] },
            crop_pct: evaluation.cropFraction, test_crop_pct: evaluation.testCropFraction, crop_mode: evaluation.cropMode,
            interpolation: evaluation.interpolation, mean: evaluation.mean, std: evaluation.standardDeviation,
            input_space: evaluation.inputSpace == "RGB" ? nil : evaluation.inputSpace,
            input_range: evaluation.white == 1 ? nil : [0, evaluation.white], num_classes: classes, license: license,
            label_names: labelNames,
            label_descriptions: labelDescriptions.isEmpty ? nil : labelDescriptions)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            var file = WrittenFile(architecture: name, num_classes: classes, network: network, pretrained_cfg: pretrained)
            if case .architecture(let architecture) = structure, architecture == Architecture.named[name] {
                file.network = nil
                file.model_args = inputChannels == 3 ? nil : WrittenArguments(in_chans: inputChannels)
            }
            return try encoder.encode(file) + Data("\n".utf8)
        } catch {
            throw .configuration("config.json cannot be written: \(error)")
        }
    }
}

extension Configuration.Evaluation {
    /// Reads a JSON file with the keys of `pretrained_cfg`; what it does not say stays as in `defaults`.
    ///
    /// - Throws: `ModelError.configuration` with what is wrong and where.
    public init(json: Data, over defaults: Self, source: String) throws(ModelError) {
        do {
            let pretrained = try JSONDecoder().decode(Configuration.Pretrained.self, from: json)
            self = try pretrained.evaluation(over: defaults, inputChannels: pretrained.input_size?.first ?? 3)
        } catch let error as DecodingError {
            throw .configuration("\(source): \(error.summary)")
        } catch let error as ModelError {
            throw error
        } catch {
            throw .configuration("\(source) is not JSON: \(error)")
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
