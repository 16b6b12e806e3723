import ArgumentParser
import FoundationEssentials
import ModelHub
import SENet

struct Models: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the catalogue of published models, and what is on disk.",
        discussion: """
            Accuracies are the published ones, in percent of ImageNet-1k's validation set; where there are two, for the two input sizes \
            beside them. What is not published is left out; --format json has the sources. `excite pull NAME` brings a model.
            """)

    @OptionGroup var modelsFolder: ModelsFolderOptions

    @Flag(help: "Only what is on disk.")
    var onDisk = false

    @Option(help: "text or json.")
    var format: OutputFormat = environment("format", default: .text)

    struct Row: Encodable {
        var name: String
        /// On disk, its folder.
        var folder: String?
        /// Bytes of its weights: on disk, or at its repository.
        var fileSize: Int?
        var sha256: String?
        var architecture: String?
        var repository: String?
        var source: String?
        var original: Catalogue.Original?
        var license: String?
        var classes: Int?
        var parameters: Int?
        var inputSize: [Int]?
        var testInputSize: [Int]?
        var interpolation: String?
        var cropFraction: Double?
        var testCropFraction: Double?
        var cropMode: String?
        var results: [Catalogue.Result]?
        /// Why a model on disk cannot be served.
        var error: String?
    }

    func run() throws {
        let folder = modelsFolder.folder
        var onDisk: [String: Row] = [:]
        for name in folder.names { onDisk[name] = Self.row(name, folder: folder.folder(of: name).path) }
        if let embedded = try? EmbeddedModel.folder() { onDisk[EmbeddedModel.name] = Self.row(EmbeddedModel.name, folder: embedded) }
        var rows: [Row] = []
        for entry in try EmbeddedModel.catalogue().models {
            let found = (entry.repository.flatMap { onDisk.removeValue(forKey: $0) }) ?? onDisk.removeValue(forKey: entry.name)
            if found == nil, self.onDisk { continue }
            rows.append(Row(entry, found))
        }
        rows = onDisk.values.sorted { $0.name < $1.name } + rows
        switch format {
        case .json: print(try JSON.text(["models": rows]))
        case .text: printText(text(rows, folder))
        }
    }

    private static func row(_ name: String, folder: String) -> Row {
        var row = Row(name: name, folder: folder)
        row.fileSize = (try? FileManager.default.attributesOfItem(atPath: "\(folder)/model.safetensors")[.size] as? UInt).map { Int($0) }
        do throws(ModelError) {
            let source = try ModelSource(folder: folder)
            let configuration = source.configuration
            row.architecture = configuration.name
            row.license = configuration.license
            row.classes = configuration.classes
            row.parameters = source.network.parameterCount
            row.inputSize = [configuration.inputChannels, configuration.evaluation.height, configuration.evaluation.width]
            row.interpolation = configuration.evaluation.interpolation
            row.cropFraction = configuration.evaluation.cropFraction
            row.cropMode = configuration.evaluation.cropMode
        } catch {
            row.error = "\(error)"
        }
        return row
    }

    private func text(_ rows: [Row], _ folder: ModelsFolder) -> String {
        var table = TextTable(columns: [
            .left("model"), .right("on disk"), .right("size"), .right("parameters"), .right("classes"), .right("input"), .right("top-1"),
            .right("top-5"), .left("licence"),
        ])
        table.rows = rows.map { row in
            let results = row.results ?? []
            func joined(_ texts: [String]) -> String { texts.joined(separator: " / ") }
            return [
                row.name, row.folder == nil ? "" : "yes", row.fileSize?.mebibytes ?? "",
                row.parameters.map { "\((Double($0) / 1e6).formatted(decimals: 1)) M" } ?? "", row.classes?.grouped ?? "",
                results.isEmpty ? row.inputSize?.last.map(String.init) ?? "" : joined(results.map { String($0.size) }),
                joined(results.map { $0.top1.formatted(decimals: 2) }), joined(results.map { $0.top5.formatted(decimals: 2) }),
                row.error ?? row.license ?? "",
            ]
        }
        return "\(table.text)\n\nmodels folder: \(folder.path)"
    }
}

extension Models.Row {
    /// A model of the catalogue, with what is known of it on disk.
    fileprivate init(_ entry: Catalogue.Entry, _ found: Models.Row?) {
        self.init(
            name: entry.name, folder: found?.folder, fileSize: found?.fileSize ?? entry.fileSize, sha256: entry.sha256,
            architecture: entry.architecture, repository: entry.repository, source: entry.source, original: entry.original,
            license: entry.license, classes: entry.classes,
            parameters: entry.parameters, inputSize: entry.inputSize, testInputSize: entry.testInputSize,
            interpolation: entry.interpolation,
            cropFraction: entry.cropFraction, testCropFraction: entry.testCropFraction, cropMode: entry.cropMode, results: entry.results,
            error: found?.error)
    }
}
