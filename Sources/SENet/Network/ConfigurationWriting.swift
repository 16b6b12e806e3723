import FoundationEssentials

// The file's own names.
// swift-format-ignore: AlwaysUseLowerCamelCase
extension Configuration {
    private struct WrittenArguments: Encodable {
        var in_chans: Int
    }

    private struct WrittenFile: Encodable {
        var architecture: String
        var num_classes: Int
        var model_args: WrittenArguments?
        var network: Network?
        var quantization: Quantization?
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
            label_names: labelNames.map(ClassNames.list),
            label_descriptions: labelDescriptions.isEmpty ? nil : labelDescriptions,
            problem_type: outputActivation == .sigmoid && classes > 1 ? "multi_label_classification" : nil)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            var file = WrittenFile(
                architecture: name, num_classes: classes, network: network, quantization: quantization, pretrained_cfg: pretrained)
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
