import FoundationEssentials
import ModelHub
import SENet

/// Finds the folder that a model's name stands for.
enum ModelLocation {
    /// A folder by its path; a pulled model as `owner/name`, or by its name alone where that is clear; a model that comes with the program.
    ///
    /// - Throws: `ModelError.file` for an empty name, and for that of a model that could be pulled and is not there.
    static func folder(_ name: String, in models: ModelsFolder) throws(ModelError) -> String { try folder(name, in: nil, or: models) }

    /// The same, first of a folder whose models are all served.
    static func folder(_ name: String, in served: String?, or models: ModelsFolder) throws(ModelError) -> String {
        guard !name.isEmpty else {
            throw .file("the model's name is empty: give a folder or a name to --model, or leave it out")
        }
        guard !FileManager.default.fileExists(atPath: name) else { return name }
        if let served, FileManager.default.fileExists(atPath: "\(served)/\(name)") { return "\(served)/\(name)" }
        if let folder = models.existing(name) { return folder }
        let named = models.names.filter { $0.hasSuffix("/\(name)") }
        if named.count == 1, let folder = models.existing(named[0]) { return folder }
        guard named.isEmpty else { throw .file("there are several models '\(name)': \(named.joined(separator: ", "))") }
        if !name.contains("/"), let folder = EmbeddedModel.path(name) { return folder }
        if Repository.isName(name) || (try? EmbeddedModel.catalogue())?[name] != nil {
            throw .file("\(name): no such folder, and no such model in \(models.path); pull it with: excite pull \(name)")
        }
        return name
    }
}

/// What comes with the program: a model, and the catalogue of published ones.
enum EmbeddedModel {
    static let name = "seresnet34-tiny-imagenet"

    /// The model's folder.
    ///
    /// - Throws: `ModelError.file` if it is not there.
    static func folder() throws(ModelError) -> String {
        if let folder = path(name) { return folder }
        throw .file("the model that comes with the program (models/\(name)) is not beside \(program.path): give --model")
    }

    /// - Throws: `ModelError.file` if it is not there, or damaged.
    static func catalogue() throws(ModelError) -> Catalogue {
        guard let path = path("catalogue.json") else {
            throw .file("the catalogue that comes with the program (models/catalogue.json) is not beside \(program.path)")
        }
        do throws(HubError) { return try Catalogue(path: path) } catch { throw .file(error.description) }
    }

    private static var program: URL { URL(filePath: "/proc/self/exe").resolvingSymlinksInPath() }

    /// A file or folder in `models/` or `share/excite/models/`, beside the program or above it.
    static func path(_ name: String) -> String? {
        var folder = program.deletingLastPathComponent()
        while true {
            for place in ["models", "share/excite/models"] {
                let candidate = folder.appending(path: place).appending(path: name).path
                if FileManager.default.fileExists(atPath: candidate) { return candidate }
            }
            guard folder.path != "/" else { return nil }
            folder.deleteLastPathComponent()
        }
    }
}
