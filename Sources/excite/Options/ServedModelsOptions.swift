import ArgumentParser
import ModelHub
import SENet
import Serving

/// Which models are served, and how they come and go.
struct ServedModelsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            A model's folder, or the name of a pulled model or of one in --models; repeat it for several. (default: the model that comes \
            with the program)
            """,
            discussion: "The first is asked where a request names none.", valueName: "model"))
    var model: [String] = environment("model")

    @Option(
        help: ArgumentHelp(
            "What requests are to call the model; repeat it as --model is. (default: its architecture and tag)", valueName: "name"))
    var modelName: [String] = environment("model-name")

    @Option(
        help: ArgumentHelp(
            "A folder whose models are all served: NAME or OWNER/NAME, each a model's folder, or with versions of it: folders called 1, 2, 3.",
            valueName: "folder"))
    var models: String?

    @Option(help: ArgumentHelp("How many versions of each model are served: the newest that can be loaded.", valueName: "versions"))
    var modelVersions: Int = environment("model-versions", default: 1)

    @Option(
        help: ArgumentHelp(
            "The most bytes of weights that are loaded at a time. (default: no limit)",
            discussion: "Models that were asked longest ago are unloaded for others, and loaded again when they are asked.",
            valueName: "bytes"))
    var modelMemory: Int?

    @Flag(help: "Look every second for models that are new, changed or gone, and load, replace or unload them, as SIGHUP does once.")
    var watch: Bool = environmentFlag("watch")

    @Flag(help: "Let requests load and unload models: POST /v2/repository/models/NAME/load and …/unload.")
    var admin: Bool = environmentFlag("admin")

    func validate() throws {
        let models = max(1, model.count)
        guard modelName.count <= models else {
            throw ValidationError("--model-name is given \(modelName.count) times, but there are \(models) models")
        }
        guard modelName.allSatisfy({ !$0.isEmpty }) else { throw ValidationError("--model-name must not be empty") }
        guard folder?.isEmpty != true else { throw ValidationError("--models must not be empty") }
        guard modelName.isEmpty || !model.isEmpty || folder == nil else {
            throw ValidationError("--model-name goes with --model: the models of --models are called what their folders are")
        }
        try require("--model-versions", modelVersions, in: 1...1000)
        if let memory { try require("--model-memory", memory, in: 1 << 20...1 << 50, "bytes") }
    }

    private var folder: String? { models ?? environment("models") }
    private var memory: Int? { modelMemory ?? environment("model-memory") }

    /// - Parameter pulled: where models are that are given by name.
    /// - Throws: `ModelError` for a model that is not there.
    func configuration(in pulled: ModelsFolder, _ images: ImageOptions, _ precision: Precision?) throws -> ModelStore.Options {
        var folders = try model.map { try ModelLocation.folder($0, in: folder, or: pulled) }
        if folders.isEmpty, folder == nil { folders = [try EmbeddedModel.folder()] }
        let named = folders.enumerated().map { index, folder in
            ModelRepository.Named(folder: folder, name: index < modelName.count ? modelName[index] : nil)
        }
        return ModelStore.Options(
            repository: ModelRepository(named: named, folder: folder, versions: modelVersions), precision: precision, memory: memory,
            watch: watch ? .seconds(1) : nil
        ) { (folder) throws(ModelError) in images.source(try ModelSource(folder: folder)) }
    }
}
