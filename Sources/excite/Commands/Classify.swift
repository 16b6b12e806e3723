import ArgumentParser
import FoundationEssentials
import Imaging
import SENet
import Service
import Serving

struct Classify: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Label image files without a server.")

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var threadOptions: ThreadOptions
    @OptionGroup var precisionOptions: PrecisionOptions
    @OptionGroup var imageOptions: ImageOptions

    @Option(help: "How many labels an image gets. (default: 5, or as many as there are classes)")
    var top: Int?

    @Option(help: "text or json: one object a line.")
    var format: OutputFormat = environment("format", default: .text)

    @Argument(help: ArgumentHelp("Image files; - reads one from standard input.", valueName: "image"))
    var images: [String]

    func run() throws {
        let model = try Model(
            imageOptions.source(modelOptions.source()), precision: precisionOptions.chosen, threads: threadOptions.threads)
        let classes = model.labels.names.count
        let top = top ?? environment("top") ?? min(5, classes)
        try require("--top", top, in: 1...classes)
        var options = EnginePool.Options(threads: threadOptions.threads)
        options.decoder = imageOptions.decoder
        let pool = try EnginePool(models: [model], options: options)
        defer { pool.close() }
        var failed = false
        for path in images {
            let bytes: [UInt8]
            do throws(ModelError) {
                bytes = try readFile(path)
            } catch {
                printError("\(error)")
                failed = true
                continue
            }
            switch pool.infer(InferenceRequest(inputs: [.image(bytes)], model: model)) {
            case .success(let inference):
                show(inference.predictions(top, of: model), inference.image, path: path)
                if format == .text { for warning in inference.image?.warnings ?? [] { printError("\(path): \(warning)") } }
            case .failure(let error):
                printError("\(path): \(Problem(error).detail)")
                failed = true
            }
        }
        if failed { throw ExitCode.failure }
    }

    private func show(_ predictions: [Prediction], _ image: ImageDescription?, path: String) {
        switch format {
        case .json:
            var writer = JSONWriter()
            writer.object {
                $0.field("file", path)
                $0.field("predictions", predictions)
                $0.field("image", image)
            }
            print(String(decoding: writer.bytes, as: UTF8.self))
        case .text:
            print(printable(path))
            let labels = predictions.map { printable($0.label) }
            let width = labels.map(\.count).max() ?? 0
            for (prediction, label) in zip(predictions, labels) {
                let bar = String(repeating: "█", count: Int((prediction.score * 40).rounded()))
                let percent = Double(prediction.score * 100).formatted(decimals: 1).leftPadded(to: 5)
                print("  \(percent) %  \(label.rightPadded(to: width))  \(bar)")
            }
        }
    }
}
