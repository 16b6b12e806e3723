import ArgumentParser
import FoundationEssentials
import Glibc
import SENet
import Service
import Serving

struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a model's error on labelled images.",
        discussion: """
            IMAGES is a folder with a folder for each class, named as the model names its classes (ImageNet's val/n02123045/*.JPEG) or by \
            index; or a text file with a path and a class a line. Images of classes that the model does not have are left out, and counted.

            Each image is decoded, resized and cropped as the checkpoint's authors evaluated it, once: as it is stored, whatever its EXIF \
            data says. The confidence interval is Wilson's, for 95 %.
            """)

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var threadOptions: ThreadOptions
    @OptionGroup var precisionOptions: PrecisionOptions
    @OptionGroup var imageOptions: ImageOptions

    @Option(help: "The most images that one run of the engine takes.")
    var batch: Int = environment("batch", default: 16)

    @Option(help: ArgumentHelp("What a list's paths are relative to. (default: the list's folder)", valueName: "folder"))
    var root: String?

    @Option(help: "How many of the worst classes are shown.")
    var worst: Int = environment("worst", default: 10)

    @Option(help: "How many pairs of classes that were confused are shown.")
    var confusions: Int = environment("confusions", default: 10)

    @Option(help: ArgumentHelp("Where to write each image's predictions, as a JSON object a line.", valueName: "file"))
    var predictions: String?

    @Option(help: "text or json.")
    var format: OutputFormat = environment("format", default: .text)

    @Argument(help: ArgumentHelp("A folder with a folder for each class, or a list of paths and classes.", valueName: "images"))
    var images: String

    func validate() throws {
        try require("--batch", batch, in: 1...1024)
        try require("--worst", worst, in: 0...1_000_000)
        try require("--confusions", confusions, in: 0...1_000_000)
    }

    func run() throws {
        let source = try imageOptions.source(modelOptions.source())
        let labels = Labels(source.configuration)
        let set =
            ImageFiles.isFolder(images)
            ? try LabelledImages(folder: images, labels: labels) : try LabelledImages(list: images, root: root, labels: labels)
        let model = try Model(source, precision: precisionOptions.chosen, threads: threadOptions.threads)
        let report = try report(set, model: model)
        switch format {
        case .json: print(try JSON.text(report))
        case .text: printText(report.text)
        }
        if !report.failed.isEmpty { throw ExitCode.failure }
    }

    private func report(_ set: LabelledImages, model: Model) throws -> EvaluationReport {
        var options = EnginePool.Options(threads: threadOptions.threads)
        options.largestBatch = batch
        options.decoder = imageOptions.decoder(exif: .ignore)
        let log = try predictions.map { try PredictionLog(path: $0) }
        var evaluation = Evaluation()
        let started = ContinuousClock.now
        let top = min(5, model.labels.names.count)
        let failures = try ImageRun(model: model, options: options).run(set.items.map(\.path)) { index, inference in
            let (item, predictions) = (set.items[index], inference.predictions(top, of: model))
            evaluation.add(target: item.target, predictions: predictions.map(\.index))
            try log?.write(item, predictions, model.labels)
        }
        try log?.close()
        let seconds = (ContinuousClock.now - started).seconds
        return EvaluationReport(
            model: model, evaluation: evaluation, set: set, failed: failures.map { .init(file: $0.file, detail: $0.detail) },
            seconds: seconds, worst: worst, confusions: confusions)
    }
}

/// A JSON object a line for each image.
private struct PredictionLog {
    private let path: String
    private let file: UnsafeMutablePointer<FILE>

    struct Line: JSONWritable {
        var file: String
        var `class`: String
        var index: Int
        var predictions: [Prediction]

        func write(to writer: inout JSONWriter) {
            writer.object {
                $0.field("file", file)
                $0.field("class", `class`)
                $0.field("index", index)
                $0.field("predictions", predictions)
            }
        }
    }

    /// - Throws: `ModelError.file` if the file cannot be written.
    init(path: String) throws {
        guard let file = fopen(path, "w") else { throw Self.failure(path) }
        self.path = path
        self.file = file
    }

    func write(_ item: LabelledImages.Item, _ predictions: [Prediction], _ labels: Labels) throws {
        let line = JSONWriter.text(
            Line(file: item.path, class: labels.names[item.target], index: item.target, predictions: predictions))
        guard fwrite(line + [UInt8(ascii: "\n")], 1, line.count + 1, file) == line.count + 1 else { throw Self.failure(path) }
    }

    /// - Throws: `ModelError.file` if what was still to be written cannot be.
    func close() throws {
        guard fclose(file) == 0 else { throw Self.failure(path) }
    }

    private static func failure(_ path: String) -> ModelError {
        .file("\(path): cannot be written: \(String(cString: strerror(errno)))")
    }
}
