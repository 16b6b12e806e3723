import ArgumentParser
import FoundationEssentials
import Imaging
import SENet
import Service
import Serving

struct Quantize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a model's images and weights 8-bit integers: a quarter of the size, and faster.",
        discussion: """
            Writes a folder that --model takes as any other:

              excite quantize seresnet50 --images photographs --output seresnet50-int8
              excite serve --model seresnet50-int8

            --images is a folder of images of the kind that the model will see (64 to 512 suffice), or what `evaluate` takes: a folder with a \
            folder for each class, or a list of paths and classes. Every fifth image is kept aside: on those the answers in int8 are held \
            against float32's, and against their classes where these are known.

            The scale of each image in the network is the one that loses least of what the calibration images show, as mean square error; \
            weights have one for each output channel. What a convolution loses is estimated from its weights, its input and its output: below \
            \(Int(Quantizer.limit)) dB of signal to noise it stays float32. The same images give the same bytes.

            Where the model has a self-test, so does what is made of it: the same image, with the answers in int8.
            """)

    @Argument(help: ArgumentHelp("The model's folder, or the name of a pulled model.", valueName: "model"))
    var model: String

    @OptionGroup var modelsFolder: ModelsFolderOptions
    @OptionGroup var threadOptions: ThreadOptions
    @OptionGroup var imageOptions: ImageOptions

    @Option(help: ArgumentHelp("Images to find the scales with: a folder, or a list of paths and classes.", valueName: "images"))
    var images: String

    @Option(help: ArgumentHelp("What a list's paths are relative to. (default: the list's folder)", valueName: "folder"))
    var root: String?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("The folder to write. (default: the model's with -int8 behind it)", valueName: "folder"))
    var output: String?

    @Option(parsing: .upToNextOption, help: ArgumentHelp("Convolutions that stay float32.", valueName: "name"))
    var keep: [String] = []

    @Option(help: "How many more convolutions stay float32, of those that lose most.")
    var floatLayers = 0

    @Option(help: "How many layers are shown, worst first.")
    var worst: Int = environment("worst", default: 10)

    @Flag(help: "Measure the speed before and after, too.")
    var bench = false

    func validate() throws {
        try require("--float-layers", floatLayers, in: 0...1_000_000)
        try require("--worst", worst, in: 0...1_000_000)
    }

    func run() throws {
        let folder = try ModelLocation.folder(model, in: modelsFolder.folder)
        let destination = output ?? "\(folder.hasSuffix("/") ? String(folder.dropLast()) : folder)-int8"
        let source = try imageOptions.source(ModelSource(folder: folder))
        let set = try CalibrationSet(images, root: root, labels: Labels(source.configuration))
        if set.calibration.count < 32 {
            printError("warning: \(set.calibration.count) images to find the scales with; 64 to 512 make them reliable")
        }
        let quantizer = try Quantizer(source, threads: threadOptions.threads)
        let crops = try Crops(set, Preprocessing(source.configuration), imageOptions.decoder)
        try calibrate(quantizer, crops)
        var quantized = try quantizer.quantize(keep: keep, floatLayers: floatLayers)
        try quantized.write(to: destination)
        let model = try Model(ModelSource(folder: destination), threads: threadOptions.threads)
        let comparison = try PrecisionComparison(quantizer.plan, model.plan, crops, threads: threadOptions.threads)
        quantized.quantization.report = comparison.report(calibrationImages: crops.calibration.count)
        try quantized.rewriteConfiguration(in: destination)
        try takeOverSelfTest(of: folder, for: model)
        printText(try QuantizationText(quantized, comparison, folder: folder, destination: destination, worst: worst).text)
        if bench { printText(try speed(folder, destination)) }
        printText("written: \(destination)")
    }

    private func calibrate(_ quantizer: Quantizer, _ crops: Crops) throws {
        let session = try Session(plan: quantizer.plan, threads: threadOptions.threads, largestBatch: Crops.batch)
        var progress = ProgressBar("calibrating", .images)
        defer { progress.finish() }
        let total = Quantizer.passes * crops.calibration.count
        for pass in 0..<Quantizer.passes {
            crops.forEachBatch(of: crops.calibration) { first, count in
                crops.fill(session, from: crops.calibration, first, count)
                quantizer.observe(session, images: count, pass: pass)
                progress.update(pass * crops.calibration.count + first + count, of: total)
            }
            if pass == 0 { quantizer.finishFirstPass() }
        }
    }

    private func takeOverSelfTest(of folder: String, for model: Model) throws {
        var options = EnginePool.Options(threads: threadOptions.threads)
        options.decoder = imageOptions.decoder
        let pool = try EnginePool(models: [model], options: options)
        defer { pool.close() }
        guard let difference = try pool.takeOverSelfTest(of: folder, for: model) else { return }
        printError("warning: \(difference): int8 loses much of this model, or the self-test was recorded with another input size")
    }

    private func speed(_ folder: String, _ destination: String) throws -> String {
        let before = BenchSubject(source: try ModelSource(folder: folder), batch: 1, threads: threadOptions.threads, precision: nil)
        let after = BenchSubject(source: try ModelSource(folder: destination), batch: 1, threads: threadOptions.threads, precision: nil)
        return try BenchComparison(before, after, size: nil, seconds: 5).text
    }
}

/// Images to calibrate with, and those kept aside.
struct CalibrationSet {
    struct Item {
        var path: String
        /// The index of its class, where that is known.
        var target: Int?
    }

    private(set) var calibration: [Item] = []
    private(set) var heldOut: [Item] = []

    init(_ path: String, root: String?, labels: Labels) throws {
        let items: [Item]
        if ImageFiles.isFolder(path) {
            // With folders that are the model's classes the images are labelled.
            if let labelled = try? LabelledImages(folder: path, labels: labels) {
                items = labelled.items.map { Item(path: $0.path, target: $0.target) }
            } else {
                items = try ImageFiles.images(under: path).map { Item(path: $0) }
            }
        } else {
            items = try LabelledImages(list: path, root: root, labels: labels).items.map { Item(path: $0.path, target: $0.target) }
        }
        guard items.count >= 2 else {
            throw ModelError.file("\(path): \(items.count) images there; two are the least, 64 to 512 are sensible")
        }
        for (index, item) in items.enumerated() {
            if index % 5 == 4 || items.count < 5 && index == items.count - 1 { heldOut.append(item) } else { calibration.append(item) }
        }
    }
}

/// Decoded images, as bytes.
struct Crops {
    struct Crop {
        var image: RGBImage
        var target: Int?
    }

    static let batch = 8

    private(set) var calibration: [Crop] = []
    private(set) var heldOut: [Crop] = []
    private let preprocessing: Preprocessing

    /// Files that are no images are named and left out.
    init(_ set: CalibrationSet, _ preprocessing: Preprocessing, _ decoder: ImageDecoder) throws {
        self.preprocessing = preprocessing
        var progress = ProgressBar("decoding", .images)
        defer { progress.finish() }
        var done = 0
        let total = set.calibration.count + set.heldOut.count
        func crops(_ items: [CalibrationSet.Item]) -> [Crop] {
            items.compactMap { item in
                done += 1
                progress.update(done, of: total)
                do {
                    let bytes = try readFile(item.path)
                    return Crop(image: try bytes.withUnsafeBytes { try decoder.crop($0, for: preprocessing) }.image, target: item.target)
                } catch {
                    printError("left out: \(item.path): \(error)")
                    return nil
                }
            }
        }
        calibration = crops(set.calibration)
        heldOut = crops(set.heldOut)
        guard !calibration.isEmpty, !heldOut.isEmpty else { throw ModelError.file("too few of the images can be read") }
    }

    func forEachBatch(of crops: [Crop], _ body: (_ first: Int, _ count: Int) throws -> Void) rethrows {
        for first in stride(from: 0, to: crops.count, by: Self.batch) { try body(first, min(Self.batch, crops.count - first)) }
    }

    func fill(_ session: Session, from crops: [Crop], _ first: Int, _ count: Int) {
        session.fill(images: count) { index, input in preprocessing.normalize(crops[first + index].image, into: input) }
    }
}
