import FoundationEssentials
import SENet

/// What a model's `config.json` says besides the network.
public struct ImportSettings: Sendable {
    public var evaluation: Configuration.Evaluation
    /// A short name and perhaps a description for each class, in the classifier's order.
    public var labels: [(name: String, description: String?)]?
    /// nil for what is usual: the classes exclude each other.
    public var outputActivation: Configuration.OutputActivation?

    public init(evaluation: Configuration.Evaluation) { self.evaluation = evaluation }
}

extension ImportedModel {
    /// Writes `config.json` and `model.safetensors` into a folder, as the Hugging Face hub lays them out. The tensors go from file to file; they
    /// are never in memory as a whole.
    ///
    /// - Parameter progress: is told the bytes that are written and how many there are.
    /// - Throws: `ModelError.file` if the folder has a model already or cannot be written, `.weights` for labels that do not fit.
    public func write(to folder: String, _ settings: ImportSettings, progress: (Int, Int) -> Void) throws(ModelError) {
        let weights = "\(folder)/model.safetensors"
        let config = try configuration(settings).json()
        // What cannot be read back must not be written.
        guard try Configuration(json: config).network.operations == network.operations else {
            throw .configuration("config.json does not say what was read")
        }
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw .file("\(folder): cannot be made: \(error)")
        }
        for path in ["\(folder)/config.json", weights] where FileManager.default.fileExists(atPath: path) {
            throw .file("\(path) is there already: remove it, or give another folder")
        }
        let entries = tensors.map { SafeTensorsWriter.Entry(name: $0.name, elementType: $0.writtenType, shape: $0.shape) }
        let total = entries.reduce(0) { $0 + $1.byteCount }
        let writer = try SafeTensorsWriter(path: weights, entries: entries)
        var written = 0
        for tensor in tensors {
            try tensor.forEachPiece(in: file) { piece throws(ModelError) in
                try writer.append(contentsOf: piece)
                written += piece.count
                progress(written, total)
            }
        }
        try file.requireUnchanged()
        try writer.finish()
        do {
            try config.write(to: URL(filePath: "\(folder)/config.json"), options: .atomic)
        } catch {
            throw .file("\(folder)/config.json: cannot be written: \(error)")
        }
    }

    public var classes: Int { network.operations.last?.parameters.first?.shape[0] ?? 0 }

    /// What `config.json` will say; the network in it is checked for the evaluation's input.
    private func configuration(_ settings: ImportSettings) throws(ModelError) -> Configuration {
        var configuration: Configuration
        if let architecture {
            configuration = try Configuration(architecture: architecture)
            (configuration.classes, configuration.inputChannels) = (classes, network.inputChannels)
            configuration.evaluation = settings.evaluation
        } else {
            configuration = try Configuration(network: network, evaluation: settings.evaluation)
        }
        if let activation = settings.outputActivation { configuration.outputActivation = activation }
        guard let labels = settings.labels else { return configuration }
        guard labels.count == classes else { throw .configuration("\(labels.count) labels for \(classes) classes") }
        configuration.labelNames = labels.map(\.name)
        for (name, description) in labels { configuration.labelDescriptions[name] = description }
        return configuration
    }
}
