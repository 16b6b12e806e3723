import ArgumentParser
import FoundationEssentials
import Glibc
import ModelHub
import SENet
import Service

struct Pull: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring a model from the Hugging Face hub.",
        discussion: """
            NAME is a model of the catalogue (`excite models` lists it) or any owner/name of the hub whose config.json is timm's. Its \
            config.json and model.safetensors go to the models folder, and `excite serve --model NAME` serves it.

            A download that broke off goes on where it stopped. The weights are checked against the SHA-256 that the hub announces.

            HF_TOKEN: for private and gated models. HF_ENDPOINT: another hub or a mirror. https_proxy, http_proxy, all_proxy and no_proxy \
            are honoured as curl does; all but http_proxy in capitals too.
            """)

    @Option(help: "A branch, a tag or a commit.")
    var revision: String = environment("revision", default: "main")

    @OptionGroup var modelsFolder: ModelsFolderOptions

    @Argument(help: ArgumentHelp("A model of the catalogue, or owner/name.", valueName: "name"))
    var name: String

    func run() throws {
        let entry = try? EmbeddedModel.catalogue()[name]
        let variables = ProcessInfo.processInfo.environment
        let client = HubClient(options: try .init(environment: variables), userAgent: "excite/\(Build.version)")
        if let repository = entry?.repository ?? (Repository.isName(name) ? name : nil) {
            // What is published of the files is published of the main branch's.
            try pull(try Repository(repository, revision: revision), digits: revision == "main" ? entry?.sha256 : nil, client)
        } else if let entry, let original = entry.original, original.format == "pytorch",
            let url = original.url.flatMap({ URL(string: $0) })
        {
            try pull(entry.name, url, digits: original.sha256Prefix, client)
        } else {
            throw unknown(entry)
        }
    }

    private func pull(_ repository: Repository, digits: String?, _ client: HubClient) throws {
        let folder = modelsFolder.folder.folder(of: repository.name)
        let bar = Bar(repository.name)
        let result = try ModelPull(client: client).model(
            repository, to: folder, digits: digits, reporting: bar.reporting,
            checkConfiguration: { data in
                do throws(ModelError) { _ = try Configuration(json: data) } catch {
                    throw HubError.refused("\(repository.name) cannot be served, and was not pulled: \(error)")
                }
            }, checkWeights: { _ = try SafeTensors(path: $0) })
        bar.finish()
        printText(
            """
            \(folder.path): \(result.size.map { "\($0.mebibytes), " } ?? "")\(Self.state(result))\
            \(result.commit.map { ", commit \($0.prefix(12))" } ?? "")
            serve it with: excite serve --model \(repository.name)
            """)
    }

    /// A checkpoint that is published outside a hub.
    private func pull(_ name: String, _ url: URL, digits: String?, _ client: HubClient) throws {
        let destination = modelsFolder.folder.folder(of: name).appending(path: url.lastPathComponent)
        let bar = Bar(name)
        let result = try ModelPull(client: client).file(url, to: destination, digits: digits, reporting: bar.reporting)
        bar.finish()
        printText(
            """
            \(destination.path): \(result.size.map { "\($0.mebibytes), " } ?? "")\(Self.state(result))
            This is PyTorch's format: excite import makes a model of it.
            """)
    }

    private static func state(_ result: ModelPull.Result) -> String {
        if result.wasPresent { return "there already, SHA-256 as announced" }
        return result.isChecked ? "SHA-256 as announced" : "not checked, for no SHA-256 was announced"
    }

    private func unknown(_ entry: Catalogue.Entry?) -> HubError {
        if let entry {
            let place = entry.original?.url ?? entry.source ?? "its authors' page"
            return .refused("\(name) is not on a hub: download it by hand from \(place), then: excite import FILE")
        }
        let names = (try? EmbeddedModel.catalogue())?.models.map(\.name) ?? []
        let similar = (names.filter { $0.hasPrefix(name) } + names.filter { !$0.hasPrefix(name) && $0.contains(name) }).prefix(5)
        let hint = similar.isEmpty ? "`excite models` lists it" : "do you mean \(similar.joined(separator: " or "))?"
        return .invalid("'\(name)' is neither in the catalogue nor owner/name: \(hint)")
    }
}

/// The progress of a pull on standard error.
private final class Bar {
    private let title: String
    private var progress: ProgressBar?

    init(_ title: String) { self.title = title }

    var reporting: ModelPull.Reporting {
        .init(
            progress: { count, total in
                if self.progress == nil { self.progress = ProgressBar(self.title, .bytes, alreadyDone: count) }
                self.progress?.update(count, of: total)
            },
            notice: { text in
                self.progress?.finish()
                printError(text)
            })
    }

    func finish() { progress?.finish() }
}
