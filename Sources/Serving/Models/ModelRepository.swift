import FoundationEssentials
import SENet

/// Where the models lie that are to be served: folders of their own, and a folder of models.
///
/// A model's folder holds `config.json` and the weights, or versions of it: folders called 1, 2, 3, as Triton, TensorFlow Serving and OpenVINO
/// Model Server have them.
public struct ModelRepository: Sendable {
    public struct Named: Sendable {
        public var folder: String
        /// What requests are to call it; nil for the folder's own.
        public var name: String?

        public init(folder: String, name: String? = nil) {
            self.folder = folder
            self.name = name
        }
    }

    /// The first is asked where a request names none.
    public var named: [Named]
    /// A folder whose models are all served: `name`, or `owner/name`.
    public var folder: String?
    /// How many versions of each model are served: the newest.
    public var versions: Int

    public init(named: [Named] = [], folder: String? = nil, versions: Int = 1) {
        self.named = named
        self.folder = folder
        self.versions = versions
    }

    /// Files as they were when somebody looked: others, or ones that were written to, are different.
    struct Fingerprint: Equatable {
        private var files: [String: InputFile.Identity] = [:]

        /// Of what lies in a folder, but for hidden files.
        init(folder: String) {
            for name in ModelRepository.contents(folder) ?? [] { files[name] = InputFile.Identity(path: "\(folder)/\(name)") }
        }
    }

    /// A model's folder on disk.
    struct Found {
        var id: ModelID
        var folder: String
        var fingerprint: Fingerprint

        init(_ id: ModelID, folder: String) {
            self.id = id
            self.folder = folder
            fingerprint = Fingerprint(folder: folder)
        }

        /// Bytes of the file that holds the weights: about what they take in memory, as long as nothing better is known.
        var weightFileBytes: Int { InputFile.Identity(path: "\(folder)/model.safetensors").map(\.count) ?? 0 }

        /// Whether it seems to be all there: of a file that is still being written the end is missing.
        var isWhole: Bool {
            do throws(ModelError) {
                _ = try ModelSource(folder: folder)
                _ = try SafeTensors(path: "\(folder)/model.safetensors")
                return true
            } catch {
                return false
            }
        }
    }

    /// Gives each of `named` its name, of which no two may be the same.
    ///
    /// - Throws: `ModelError` where a folder cannot be read, or two models have one name.
    mutating func resolveNames() throws(ModelError) {
        for index in named.indices where named[index].name == nil {
            let folder = named[index].folder
            // Versions are of what their folder is called: their own names may differ.
            let isNumbered = !Self.isModel(folder) && !Self.numbers(folder).isEmpty
            named[index].name =
                isNumbered ? URL(filePath: folder).standardized.lastPathComponent : try ModelSource(folder: folder).configuration.fullName
        }
        var names: Set<String> = []
        for name in named.compactMap(\.name) where !names.insert(name).inserted {
            throw .configuration("two models are named '\(name)'; give one of them another by --model-name")
        }
    }

    /// What there is now: of each model all versions, the newest first.
    ///
    /// - Throws: `ModelError.file` where the folder of models cannot be read: nothing is known then of what is in it.
    func scan() throws(ModelError) -> [[Found]] {
        var models = named.map { named in
            let name = named.name ?? named.folder
            let versions = Self.versions(named.folder, name: name)
            // Not there any more: loading it says so.
            return versions.isEmpty ? [Found(ModelID(name: name), folder: named.folder)] : versions
        }
        guard let folder else { return models }
        guard let owners = Self.contents(folder) else { throw .file("\(folder): cannot be read as a folder of models") }
        var taken = Set(named.compactMap(\.name))
        let places = Set(named.map { URL(filePath: $0.folder).resolvingSymlinksInPath().path })
        func add(_ name: String) -> Bool {
            let path = "\(folder)/\(name)"
            let versions = Self.versions(path, name: name)
            guard !versions.isEmpty else { return false }
            if !places.contains(URL(filePath: path).resolvingSymlinksInPath().path), taken.insert(name).inserted { models.append(versions) }
            return true
        }
        for owner in owners where !add(owner) {
            for name in Self.contents("\(folder)/\(owner)") ?? [] { _ = add("\(owner)/\(name)") }
        }
        return models
    }

    private static func versions(_ folder: String, name: String) -> [Found] {
        if isModel(folder) { return [Found(ModelID(name: name), folder: folder)] }
        return numbers(folder).map { Found(ModelID(name: name, version: $0), folder: "\(folder)/\($0)") }
    }

    /// Of a folder's versions, the highest first.
    private static func numbers(_ folder: String) -> [Int] {
        (contents(folder) ?? []).filter { $0.wholeMatch(of: /[1-9][0-9]{0,17}/) != nil && isModel("\(folder)/\($0)") }
            .compactMap { Int($0) }.sorted(by: >)
    }

    /// Whether there is a part of a model at least.
    private static func isModel(_ folder: String) -> Bool {
        ["config.json", "model.safetensors"].contains { FileManager.default.fileExists(atPath: "\(folder)/\($0)") }
    }

    /// Sorted, without what is hidden; nil where it is no folder that can be read.
    private static func contents(_ folder: String) -> [String]? {
        (try? FileManager.default.contentsOfDirectory(atPath: folder))?.filter { !$0.hasPrefix(".") }.sorted()
    }
}
