import ArgumentParser
import Foundation
import SENet
import Serving

struct Classify: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Label image files without a server.")

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var threadOptions: ThreadOptions
    @OptionGroup var imageOptions: ImageOptions

    @Option(help: "How many labels an image gets. (default: 5, or as many as there are classes)")
    var top: Int?

    @Option(help: "text or json: one object a line.")
    var format: OutputFormat = environment("format", default: .text)

    @Argument(help: ArgumentHelp("Image files; - reads one from standard input.", valueName: "image"))
    var images: [String]

    func run() throws {
        let model = try Model(imageOptions.source(modelOptions.source()), threads: threadOptions.threads)
        let classes = model.labels.names.count
        let top = top ?? environment("top") ?? min(5, classes)
        guard (1...classes).contains(top) else { throw ValidationError("--top must be from 1 to \(classes), not \(top).") }
        var options = EnginePool.Options(threads: threadOptions.threads)
        options.decoder = imageOptions.decoder
        let pool = try EnginePool(models: [model], options: options)
        defer { pool.close() }
        var failed = false
        for path in images {
            let bytes: Data
            do {
                bytes = try path == "-" ? FileHandle.standardInput.readToEnd() ?? Data() : Data(contentsOf: URL(filePath: path))
            } catch {
                printError("\(path): cannot be read: \(error.localizedDescription)")
                failed = true
                continue
            }
            switch pool.classify(ClassificationRequest(image: Array(bytes), model: model, top: top)) {
            case .success(let classification):
                show(classification, path: path)
                if format == .text { for warning in classification.image.warnings { printError("\(path): \(warning)") } }
            case .failure(let error):
                printError("\(path): \(Problem(error).detail)")
                failed = true
            }
        }
        if failed { throw ExitCode.failure }
    }

    private func show(_ classification: Classification, path: String) {
        switch format {
        case .json:
            var writer = JSONWriter()
            writer.object {
                $0.field("file", path)
                $0.field("predictions", classification.predictions)
                $0.field("image", classification.image)
            }
            print(String(decoding: writer.bytes, as: UTF8.self))
        case .text:
            print(path)
            let width = classification.predictions.map(\.label.count).max() ?? 0
            for prediction in classification.predictions {
                let label = prediction.label.rightPadded(to: width)
                let bar = String(repeating: "█", count: Int((prediction.score * 40).rounded()))
                print("  \(Double(prediction.score * 100).formatted(decimals: 1).leftPadded(to: 5)) %  \(label)  \(bar)")
            }
        }
    }
}

extension String {
    func rightPadded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
    func leftPadded(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
