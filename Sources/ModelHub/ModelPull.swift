import FoundationEssentials

/// Brings a model of a hub to a folder on disk: `config.json` and `model.safetensors`, as the hub has them.
public struct ModelPull {
    /// What a caller wants to know while it runs.
    public struct Reporting {
        /// Bytes of the weights that are there, and of how many.
        public var progress: (_ count: Int, _ total: Int?) -> Void
        /// Failures that are tried again.
        public var notice: (String) -> Void

        public init(progress: @escaping (Int, Int?) -> Void = { _, _ in }, notice: @escaping (String) -> Void = { _ in }) {
            self.progress = progress
            self.notice = notice
        }
    }

    public struct Result: Sendable, Equatable {
        /// The commit that was pulled, where the hub says so.
        public var commit: String?
        /// Whether the weights were there already, whole and right.
        public var wasPresent: Bool
        /// Whether the weights' SHA-256 was announced or known, and so checked.
        public var isChecked: Bool
        /// Of the weights, in bytes.
        public var size: Int?
    }

    private let client: HubClient
    private let configurationLimit = 16 << 20

    public init(client: HubClient) { self.client = client }

    /// Pulls a repository's model. The configuration comes first, is checked before the weights are asked for, and is written last: a
    /// folder with a `config.json` is complete.
    ///
    /// - Parameters:
    ///   - digits: the first digits of the weights' SHA-256, where they are known from elsewhere than the hub.
    ///   - checkConfiguration, checkWeights: throw where the files are of no use.
    /// - Throws: `HubError`, or what the checks throw of the configuration.
    public func model(
        _ repository: Repository, to folder: URL, digits: String? = nil, reporting: Reporting = Reporting(),
        checkConfiguration: (Data) throws -> Void, checkWeights: (_ path: String) throws -> Void
    ) throws -> Result {
        let configuration = try data("config.json", of: repository, notice: reporting.notice)
        try checkConfiguration(configuration.data)
        let file = "model.safetensors"
        let weights: (outcome: Download.Outcome, metadata: FileMetadata)
        do {
            weights = try Download(
                client: client, url: repository.url(of: file, at: client.options.endpoint), what: "\(repository.name)/\(file)",
                destination: folder.appending(path: file), digits: digits
            ).run(check: checkWeights, progress: reporting.progress, notice: reporting.notice)
        } catch HubError.refused(let message) where message.contains("(404)") {
            throw HubError.refused("\(message); only models with weights in model.safetensors can be pulled")
        }
        if let first = configuration.metadata.commit, let second = weights.metadata.commit, first != second {
            throw HubError.damaged("\(repository.name) changed while it was pulled: pull it again")
        }
        let path = folder.appending(path: "config.json")
        do {
            try configuration.data.write(to: path, options: .atomic)
        } catch {
            throw HubError.file("\(path.path): cannot be written: \(systemReason(error))")
        }
        return Result(
            commit: weights.metadata.commit, wasPresent: weights.outcome == .present,
            isChecked: weights.metadata.sha256 != nil || digits != nil, size: weights.metadata.size)
    }

    /// Downloads a checkpoint that is published as a file of its own, at any address.
    public func file(
        _ url: URL, to destination: URL, digits: String?, reporting: Reporting = Reporting()
    ) throws -> Result {
        let found = try Download(client: client, url: url, what: url.lastPathComponent, destination: destination, digits: digits)
            .run(check: { _ in }, progress: reporting.progress, notice: reporting.notice)
        return Result(
            commit: nil, wasPresent: found.outcome == .present, isChecked: digits != nil || found.metadata.sha256 != nil,
            size: found.metadata.size)
    }

    /// A small file, in memory.
    private func data(
        _ file: String, of repository: Repository, notice: (String) -> Void
    ) throws -> (data: Data, metadata: FileMetadata) {
        let url = repository.url(of: file, at: client.options.endpoint)
        let what = "\(repository.name)/\(file)"
        return try client.retrying(what, notice: notice) {
            var (data, metadata) = (Data(), FileMetadata())
            let hash = try SHA256()
            try client.get(
                url,
                wantsBody: { reply in
                    try client.check(reply, what)
                    metadata = reply.metadata
                    return true
                },
                body: { bytes in
                    guard data.count + bytes.count <= configurationLimit else {
                        throw HubError.damaged("\(what): more than \(configurationLimit >> 20) MiB")
                    }
                    data.append(contentsOf: bytes)
                    try hash.update(bytes)
                })
            let found = hash.finish()
            if let announced = metadata.sha256, found != announced {
                throw HubError.damaged("\(what): its SHA-256 is \(found), but the hub announced \(announced)")
            }
            return (data, metadata)
        }
    }
}
