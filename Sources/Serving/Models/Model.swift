import Imaging
import SENet

/// A model ready to be served: its plan, its labels, and how an image becomes its input. Immutable and shared by all sessions.
public final class Model: Sendable {
    public let id: ModelID
    /// What requests call it: `seresnet50.a1_in1k`.
    public var name: String { id.name }
    /// Of this loading: no other model has it, in no other process, nor what is loaded from the same folder again.
    public let identity = String(UInt64.random(in: .min ... .max), radix: 16) + "-" + String(UInt64.random(in: .min ... .max), radix: 16)
    public let source: ModelSource
    public let plan: Plan
    public let labels: Labels
    public let preprocessing: Preprocessing

    /// Loads a folder as the Hugging Face hub lays it out.
    ///
    /// - Parameters:
    ///   - name: what requests are to call it; nil for the folder's own.
    ///   - version: the number of its folder, where it is one version of several.
    ///   - precision: what it is computed in; nil for what the folder is made for.
    ///   - threads: how many threads pack the weights.
    ///   - models: a plan of theirs is taken if it is of the same network, weights, size and precision.
    /// - Throws: `ModelError`.
    public init(
        _ source: ModelSource, name: String? = nil, version: Int? = nil, precision: Precision? = nil, threads: Int,
        sharing models: [Model] = []
    ) throws(ModelError) {
        self.source = source
        id = ModelID(name: name ?? source.configuration.fullName, version: version)
        preprocessing = try Preprocessing(source.configuration)
        labels = Labels(source.configuration)
        plan = try source.plan(precision: precision, threads: threads, sharing: models.map(\.plan))
    }

    /// Of one image.
    public var multiplyAccumulates: Int { plan.summaries.reduce(0) { $0 + $1.multiplyAccumulates } }
}

/// A model is equal to itself only: two that were loaded from the same folder are two.
extension Model: Hashable {
    public static func == (a: Model, b: Model) -> Bool { a === b }

    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

extension Preprocessing {
    /// The evaluation transform that the checkpoint's configuration describes.
    ///
    /// - Throws: `ModelError.configuration` if it is one that timm or this program does not know.
    public init(_ configuration: Configuration) throws(ModelError) {
        let evaluation = configuration.evaluation
        guard configuration.inputChannels == 3 else {
            throw .configuration("config.json: images have 3 channels, the network takes \(configuration.inputChannels)")
        }
        guard let interpolation = Interpolation(rawValue: evaluation.interpolation) else {
            let known = Interpolation.allCases.map(\.rawValue).joined(separator: ", ")
            throw .configuration("config.json: interpolation '\(evaluation.interpolation)' is not supported: \(known)")
        }
        guard let cropMode = CropMode(rawValue: evaluation.cropMode) else {
            throw .configuration("config.json: crop_mode '\(evaluation.cropMode)' is not supported: center, squash, border")
        }
        guard let channelOrder = ChannelOrder(rawValue: evaluation.inputSpace) else {
            throw .configuration("config.json: input_space '\(evaluation.inputSpace)' is not supported: RGB, BGR")
        }
        self.init(
            height: evaluation.height, width: evaluation.width, cropFraction: evaluation.cropFraction, cropMode: cropMode,
            interpolation: interpolation, mean: evaluation.mean, standardDeviation: evaluation.standardDeviation,
            channelOrder: channelOrder, white: evaluation.white)
        if let problem { throw .configuration("config.json: \(problem)") }
    }
}
