import FoundationEssentials

/// The folder on disk that pulled models lie in: `owner/name/config.json`, or `name/config.json`.
public struct ModelsFolder: Sendable, Equatable {
    public let path: String

    /// - Parameter path: nil for the user's own: `$XDG_DATA_HOME/excite/models`, or `~/.local/share/excite/models`.
    public init(_ path: String?, environment: [String: String]) {
        if let path {
            self.path = path
            return
        }
        let data = environment["XDG_DATA_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        let home = environment["HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? FileManager.default.homeDirectoryForCurrentUser.path
        self.path = "\(data ?? "\(home)/.local/share")/excite/models"
    }

    /// Where a model of that name lies, or would lie.
    public func folder(of name: String) -> URL { URL(filePath: path, directoryHint: .isDirectory).appending(path: name) }

    /// The model's folder if it is there, complete.
    public func existing(_ name: String) -> String? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") }) else { return nil }
        let folder = folder(of: name).path
        return FileManager.default.fileExists(atPath: "\(folder)/config.json") ? folder : nil
    }

    /// The names of all models in it, sorted.
    public var names: [String] {
        func contents(_ folder: String) -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] }
        let first = contents(path)
        let second = first.flatMap { owner in contents("\(path)/\(owner)").map { "\(owner)/\($0)" } }
        return (first + second).filter { existing($0) != nil }.sorted()
    }
}
