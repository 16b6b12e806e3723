import ArgumentParser
import FoundationEssentials
import ModelHub
import SENet
import Serving

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// `--threads`, for every command that computes.
struct ThreadOptions: ParsableArguments {
    @Option(help: "Threads that compute: by default as many as this process may use, by CPU set and cgroup quota.")
    var threads: Int = environment("threads", default: ProcessorCount.available)

    func validate() throws {
        try require("--threads", threads, in: 1...1024)
    }
}

/// `--models-dir`, for every command that finds models by name.
struct ModelsFolderOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where pulled models lie. (default: $XDG_DATA_HOME/excite/models or ~/.local/share/excite/models)", valueName: "folder"))
    var modelsDir: String?

    var folder: ModelsFolder { ModelsFolder(modelsDir ?? environment("models-dir"), environment: ProcessInfo.processInfo.environment) }
}

/// `--model`, for commands that take one.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A model's folder, or the name of a pulled model. (default: the model that comes with the program)", valueName: "model"))
    var model: String?

    @OptionGroup var modelsFolder: ModelsFolderOptions

    /// The folder's model, or the one that comes with the program.
    ///
    /// - Parameter namedArchitecture: whether the name of a published architecture will do, with made-up weights.
    func source(namedArchitecture: Bool = false) throws -> ModelSource {
        guard let name: String = model ?? environment("model") else { return try ModelSource(folder: EmbeddedModel.folder()) }
        return namedArchitecture
            ? try Self.source(name, in: modelsFolder.folder) : try ModelSource(folder: ModelLocation.folder(name, in: modelsFolder.folder))
    }

    /// A model by folder or name, or a published architecture with made-up weights.
    static func source(_ name: String, in models: ModelsFolder) throws -> ModelSource {
        let isArchitecture = Architecture.named[name] != nil && !FileManager.default.fileExists(atPath: name)
        return isArchitecture ? try ModelSource(architecture: name) : try ModelSource(folder: ModelLocation.folder(name, in: models))
    }
}
