import ArgumentParser
import FoundationEssentials
import Imaging
import SENet
import Service
import Serving

struct Preprocess: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what the network sees of an image.",
        discussion: """
            Decodes, resizes and crops an image as a model's config.json says, and writes the crop as a PNG file, or the normalised tensor \
            for `excite forward` and other frameworks. Loads no weights.
            """)

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var imageOptions: ImageOptions

    @Option(name: [.short, .long], help: ArgumentHelp("Where to write the crop, as a PNG file; - is standard output.", valueName: "file"))
    var output: String?

    @Option(help: ArgumentHelp("Where to write the tensor 'input', (1, 3, height, width), as a safetensors file.", valueName: "file"))
    var tensor: String?

    @Option(help: "Measure: do it this many times, and print the median durations, in milliseconds.")
    var `repeat`: Int = 0

    @Option(help: "text or json: what is printed about the image.")
    var format: OutputFormat = environment("format", default: .text)

    @Argument(help: ArgumentHelp("An image file; - is standard input.", valueName: "image"))
    var image: String

    func validate() throws {
        try require("--repeat", `repeat`, in: 0...1_000_000)
    }

    func run() throws {
        let preprocessing = try Preprocessing(imageOptions.source(modelOptions.source(namedArchitecture: true)).configuration)
        let bytes = try readFile(image)
        do {
            let crop = try bytes.withUnsafeBytes { try imageOptions.decoder.crop($0, for: preprocessing) }
            try write(crop.image, preprocessing)
            show(crop.description, preprocessing, try measure(bytes, preprocessing))
        } catch let error as ImageError {
            throw ModelError.file("\(image): \(error)")
        }
    }

    private func write(_ crop: RGBImage, _ preprocessing: Preprocessing) throws {
        if let output {
            guard let png = crop.png else { throw ModelError.file("\(output): the PNG file could not be made") }
            try writeFile(Array(png), to: output)
        }
        if let tensor {
            var values = [Float](repeating: 0, count: 3 * crop.width * crop.height)
            values.withUnsafeMutableBufferPointer { preprocessing.normalize(crop, into: $0) }
            try SafeTensors.write(values, name: Network.input, shape: [1, 3, crop.height, crop.width], to: tensor)
        }
    }

    /// Median milliseconds.
    private struct Timing: JSONWritable {
        /// From the file's bytes to the tensor.
        var all: Double
        /// From the decoded pixels to the tensor.
        var resizeCropNormalize: Double

        func write(to writer: inout JSONWriter) {
            writer.object {
                $0.field("all", all)
                $0.field("resize_crop_normalize", resizeCropNormalize)
            }
        }
    }

    private func measure(_ bytes: [UInt8], _ preprocessing: Preprocessing) throws -> Timing? {
        guard `repeat` > 0 else { return nil }
        var tensor = [Float](repeating: 0, count: 3 * preprocessing.width * preprocessing.height)
        func median(_ body: () throws -> RGBImage) rethrows -> Double {
            var durations: [Double] = []
            for _ in 0..<`repeat` {
                let started = ContinuousClock.now
                let crop = try body()
                tensor.withUnsafeMutableBufferPointer { preprocessing.normalize(crop, into: $0) }
                durations.append((ContinuousClock.now - started).seconds * 1000)
            }
            return durations.sorted()[durations.count / 2]
        }
        let decoder = imageOptions.decoder
        let pixels = try bytes.withUnsafeBytes { try decoder.decode($0) }.image
        return Timing(
            all: try median { try bytes.withUnsafeBytes { try decoder.crop($0, for: preprocessing) }.image },
            resizeCropNormalize: try median { try preprocessing.crop(pixels) })
    }

    private func show(_ description: ImageDescription, _ preprocessing: Preprocessing, _ timing: Timing?) {
        // Standard output may be the crop's.
        guard output != "-" else { return }
        switch format {
        case .json:
            var writer = JSONWriter()
            writer.object {
                $0.field("file", image)
                $0.field("image", description)
                // Height and width.
                $0.field("input", [preprocessing.height, preprocessing.width])
                $0.field("timing_ms", timing)
            }
            print(String(decoding: writer.bytes, as: UTF8.self))
        case .text:
            let turned = imageOptions.decoder.exif == .ignore ? "ignored" : "applied"
            let orientation = description.orientation == .upright ? "" : ", EXIF orientation \(description.orientation.rawValue), \(turned)"
            let image = "\(description.format.rawValue), \(description.width) x \(description.height), \(description.colorMode.rawValue)"
            printText("\(self.image): \(image)\(orientation)")
            printText(
                "the network sees: \(preprocessing.width) x \(preprocessing.height), \(preprocessing.interpolation.rawValue), "
                    + "\(preprocessing.cropMode.rawValue), crop fraction \(preprocessing.cropFraction)")
            for warning in description.warnings { printText("passed over: \(warning)") }
            if let timing {
                printText(
                    "median of \(`repeat`): \(timing.all.formatted(decimals: 3)) ms from the file to the tensor, "
                        + "\(timing.resizeCropNormalize.formatted(decimals: 3)) ms from the decoded pixels")
            }
        }
    }
}
