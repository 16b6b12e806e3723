import ArgumentParser
import FoundationEssentials
import SENet
import Serving

struct Embed: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write images' features, for a search by likeness.",
        discussion: """
            An image's features are what the model's classifier reads: the pooled output of its last block, 2,048 numbers for SE-ResNet-50. \
            IMAGES are files, or folders with images at any depth.

            The output's ending says how it is written. .safetensors: a tensor "embeddings", float32, a row an image, and the files' names as \
            JSON in the metadata under "files". .npy: the same rows as a NumPy array, and the names in a file of its own beside it, ending in \
            .npy.json. .jsonl: an object a line, with "file" and "embedding". An image that cannot be read is named on standard error and left \
            out, and the command ends with 1.
            """)

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var threadOptions: ThreadOptions
    @OptionGroup var precisionOptions: PrecisionOptions
    @OptionGroup var imageOptions: ImageOptions

    @Option(help: "The most images that one run of the engine takes.")
    var batch: Int = environment("batch", default: 16)

    @Flag(help: "Divide each image's features by their Euclidean norm, so that the product of two is the cosine between them.")
    var normalize = false

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "Where to write: a .safetensors, .npy or .jsonl file; - writes JSON lines to standard output.", valueName: "file"))
    var output: String = "-"

    @Argument(help: ArgumentHelp("Image files, or folders.", valueName: "image"))
    var images: [String]

    func validate() throws {
        try require("--batch", batch, in: 1...1024)
        guard EmbeddingFile.Format(path: output) != nil else {
            throw ValidationError("--output must end in .safetensors, .npy or .jsonl, or be -, not '\(output)'")
        }
    }

    func run() throws {
        let model = try Model(
            imageOptions.source(modelOptions.source()), precision: precisionOptions.chosen, threads: threadOptions.threads)
        guard let count = model.plan.featureCount else {
            throw ModelError.network("\(model.name) has no features before a classifier: its network does not end in a linear layer")
        }
        let files = try images.flatMap { (path) throws(ModelError) in
            ImageFiles.isFolder(path) ? try ImageFiles.images(under: path) : [path]
        }
        guard !files.isEmpty else { throw ModelError.file("\(images.joined(separator: ", ")): no images there") }
        var options = EnginePool.Options(threads: threadOptions.threads)
        options.largestBatch = batch
        options.decoder = imageOptions.decoder
        let file = try EmbeddingFile(path: output, model: model.name, features: count, files: files)
        let failures = try ImageRun(model: model, options: options) { $0.wantsFeatures = true }.run(files) { index, inference in
            try file.write(index, inference.embedding(isNormalized: normalize) ?? [])
        }
        try file.finish()
        for failure in failures { printError(failure.message) }
        if !failures.isEmpty { throw ExitCode.failure }
    }
}
