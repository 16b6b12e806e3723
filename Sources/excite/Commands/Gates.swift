import ArgumentParser
import FoundationEssentials
import SENet
import Service
import Serving

struct Gates: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what the squeeze-and-excitation gates do, by image or by class.",
        discussion: """
            IMAGES are files, each a group of its own; or a folder with a folder for each class; or a folder with images, one group. For each \
            block, each channel's gate is averaged over the group's images, and its standard deviation over them is taken.

            --format svg draws what the paper's section 6.4 draws: for channels sampled evenly from a block, each class's mean gate as a \
            line, a panel a block, and "all" as the mean over the classes. It shows the last block of each stage and the whole last stage, \
            or --blocks all.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json, csv, svg
    }

    enum BlockChoice: String, ExpressibleByArgument, CaseIterable {
        case some, all
    }

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var threadOptions: ThreadOptions
    @OptionGroup var precisionOptions: PrecisionOptions
    @OptionGroup var imageOptions: ImageOptions

    @Option(help: "text, json, csv or svg.")
    var format: Format = environment("format", default: .text)

    @Option(help: "For svg: some blocks, or all of them.")
    var blocks: BlockChoice = environment("blocks", default: .some)

    @Option(help: "For svg: how many of a block's channels are drawn.")
    var channels: Int = environment("channels", default: 50)

    @Option(name: [.short, .long], help: ArgumentHelp("Where to write. (default: standard output)", valueName: "file"))
    var output: String?

    @Argument(help: ArgumentHelp("Image files, or folders.", valueName: "image"))
    var images: [String]

    func validate() throws {
        try require("--channels", channels, in: 2...4096)
    }

    func run() throws {
        let model = try Model(
            imageOptions.source(modelOptions.source()), precision: precisionOptions.chosen, threads: threadOptions.threads)
        guard !model.plan.gates.isEmpty else { throw ModelError.network("\(model.name) has no squeeze-and-excitation blocks") }
        var groups = try ImageGroup.groups(images, labels: model.labels)
        let isComplete = try measure(&groups, model)
        groups.removeAll { $0.statistics.images == 0 }
        guard !groups.isEmpty else { throw ExitCode.failure }
        let report = GateReport(model: model.name, groups: groups)
        let text =
            switch format {
            case .text: report.text
            case .json: try JSON.text(report)
            case .csv: report.csv
            case .svg: GatePlot(report, isAllBlocks: blocks == .all, channels: channels).svg
            }
        if let output { try writeFile(Array("\(text)\n".utf8), to: output) } else { printText(text) }
        if !isComplete { throw ExitCode.failure }
    }

    /// Runs the network on every image. Whether all of them could be read.
    private func measure(_ groups: inout [ImageGroup], _ model: Model) throws -> Bool {
        var options = EnginePool.Options(threads: threadOptions.threads)
        options.decoder = imageOptions.decoder
        let items = groups.enumerated().flatMap { index, group in group.files.map { (group: index, file: $0) } }
        let failures = try ImageRun(model: model, options: options) { $0.wantsGates = true }.run(items.map(\.file)) { index, inference in
            groups[items[index].group].statistics.add(inference.gates ?? [])
        }
        for failure in failures { printError(failure.message) }
        return failures.isEmpty
    }
}

/// Images whose gates are averaged.
struct ImageGroup {
    /// A class, or a file's name.
    var name: String
    var label: String
    var files: [String]
    var statistics = GateStatistics()

    static func groups(_ paths: [String], labels: Labels) throws(ModelError) -> [ImageGroup] {
        var groups: [ImageGroup] = []
        for path in paths {
            guard ImageFiles.isFolder(path) else {
                groups.append(ImageGroup(name: path, label: URL(filePath: path).lastPathComponent, files: [path]))
                continue
            }
            let folders = try ImageFiles.folders(in: path)
            for name in folders {
                let label = labels.names.firstIndex(of: name).map { labels.spoken[$0] } ?? name
                groups.append(ImageGroup(name: name, label: label, files: try ImageFiles.images(under: "\(path)/\(name)")))
            }
            if folders.isEmpty {
                let name = URL(filePath: path).lastPathComponent
                groups.append(ImageGroup(name: name, label: name, files: try ImageFiles.images(under: path)))
            }
        }
        guard groups.contains(where: { !$0.files.isEmpty }) else {
            throw .file("\(paths.joined(separator: ", ")): no images there")
        }
        return groups
    }
}
