import ArgumentParser
import Foundation
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
        guard (1...1024).contains(threads) else { throw ValidationError("--threads must be from 1 to 1,024, not \(threads).") }
    }
}

/// `--model`, for commands that take one.
struct ModelOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A model's folder. (default: the model that comes with the program)", valueName: "folder"))
    var model: String?

    /// The folder's model, or the one that comes with the program.
    ///
    /// - Parameter namedArchitecture: whether the name of a published architecture will do, with made-up weights.
    func source(namedArchitecture: Bool = false) throws -> ModelSource {
        guard let name: String = model ?? environment("model") else { return try ModelSource(folder: EmbeddedModel.folder()) }
        return namedArchitecture ? try Self.source(name) : try ModelSource(folder: name)
    }

    /// A folder's model, or a published architecture with made-up weights.
    static func source(_ name: String) throws -> ModelSource {
        let isArchitecture = Architecture.named[name] != nil && !FileManager.default.fileExists(atPath: name)
        return isArchitecture ? try ModelSource(architecture: name) : try ModelSource(folder: name)
    }
}

/// The model that comes with the program.
enum EmbeddedModel {
    static let name = "seresnet18-tiny-imagenet"

    /// Its folder: `models/` or `share/excite/models/` beside the program or above it.
    ///
    /// - Throws: `ModelError.file` if it is in neither.
    static func folder() throws -> String {
        let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        var folder = program.deletingLastPathComponent()
        while true {
            for place in ["models", "share/excite/models"] {
                let candidate = folder.appending(path: place).appending(path: name).path
                if FileManager.default.fileExists(atPath: "\(candidate)/config.json") { return candidate }
            }
            guard folder.path != "/" else { break }
            folder.deleteLastPathComponent()
        }
        throw ModelError.file("the model that comes with the program (models/\(name)) is not beside \(program.path): give --model")
    }
}

/// Ends the program with the message of an error and a note of what failed.
func printError(_ text: String) {
    FileHandle.standardError.write(Data("excite: \(text)\n".utf8))
}
