import ArgumentParser
import FoundationEssentials
import Imaging
import SENet
import Service
import Serving

struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show where the network saw a class in images.",
        discussion: """
            Writes each image's class activation map (Zhou et al. 2016, arXiv 1512.04150): the classifier's weights of the class over the \
            network's last feature map. The mean of its values and the bias make the class's logit. IMAGES are files, or folders with images \
            at any depth.

            --format png lays the map over what the network saw of the picture, which turns gray: the least of its values is clear, the most \
            is orange. One image goes into a file; several, or --output that is a folder, into a file each, cat.jpg.png for cat.jpg. \
            --format json writes the numbers, an object a line. An image that cannot be read is named on standard error and left out, and \
            the command ends with 1.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case png, json
    }

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var threadOptions: ThreadOptions
    @OptionGroup var precisionOptions: PrecisionOptions
    @OptionGroup var imageOptions: ImageOptions

    @Option(help: "The class, by its name or label. (default: each image's most probable)")
    var label: String?

    @Option(help: "png or json.")
    var format: Format = environment("format", default: .png)

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Where to write: a file, or a folder for several pictures; - is standard output.", valueName: "file"))
    var output: String?

    @Argument(help: ArgumentHelp("Image files, or folders.", valueName: "image"))
    var images: [String]

    func validate() throws {
        guard !images.contains("-") else {
            throw ValidationError("an image is read twice, for the network and for the picture: give a file, not -")
        }
        guard format == .json || output != nil else {
            throw ValidationError("--output is missing: a .png file, a folder for several pictures, or - for standard output")
        }
    }

    func run() throws {
        let model = try Model(
            imageOptions.source(modelOptions.source()), precision: precisionOptions.chosen, threads: threadOptions.threads)
        guard model.plan.hasClassMaps else {
            throw ModelError.network(
                "\(model.name) has no class maps: its network does not end in global average pooling and a linear layer")
        }
        let mapped = try mappedClass(of: model)
        let files = try images.flatMap { (path) throws(ModelError) in
            ImageFiles.isFolder(path) ? try ImageFiles.images(under: path) : [path]
        }
        guard !files.isEmpty else { throw ModelError.file("\(images.joined(separator: ", ")): no images there") }
        let outputs = format == .png ? try pictures(of: files) : []
        var options = EnginePool.Options(threads: threadOptions.threads)
        options.decoder = imageOptions.decoder
        var lines: [String] = []
        let failures = try ImageRun(model: model, options: options) { $0.map = mapped }.run(files) { index, inference in
            guard let map = inference.map else { return }
            let file = files[index]
            switch format {
            case .json:
                lines.append(line(file, SeenClass(map: map, labels: model.labels)))
            case .png:
                try writeFile(draw(map, over: file, as: model.source.configuration), to: outputs[index])
                lines.append("\(file): \(model.labels.spoken[map.index]), \(places(of: map)), in \(outputs[index])")
            }
        }
        try finish(lines)
        for failure in failures { printError(failure.message) }
        if !failures.isEmpty { throw ExitCode.failure }
    }

    private func mappedClass(of model: Model) throws -> MappedClass {
        guard let label = label ?? environment("label") else { return .best }
        guard let index = model.labels.index(of: label) else {
            throw ModelError.file("--label: \(model.name) has no class called '\(label)', or several; its config.json names them")
        }
        return .index(index)
    }

    /// Where each file's picture goes.
    private func pictures(of files: [String]) throws(ModelError) -> [String] {
        let output = output ?? "-"
        let isOne = files.count == 1 && !ImageFiles.isFolder(images[0])
        if isOne, !ImageFiles.isFolder(output) { return [output] }
        guard output != "-" else { throw .file("--output: a folder is needed for \(files.count) pictures") }
        var names: Set<String> = []
        let pictures = try files.map { (file) throws(ModelError) in
            let name = URL(filePath: file).lastPathComponent
            guard names.insert(name).inserted else {
                throw .file("two images are called \(name): their pictures would have one name; explain them in two runs")
            }
            return "\(output)/\(name).png"
        }
        do {
            try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        } catch {
            throw .cannotWrite(output, error)
        }
        return pictures
    }

    private func draw(_ map: ClassMap, over file: String, as configuration: Configuration) throws -> [UInt8] {
        let bytes = try readFile(file)
        let picture = ClassMapPicture(map, seenThrough: try Preprocessing(configuration))
        do {
            let crop = try bytes.withUnsafeBytes { try imageOptions.decoder.crop($0, for: picture.preprocessing) }
            guard let png = picture.draw(over: crop.image).png else { throw ModelError.file("\(file): no memory for its picture") }
            return png
        } catch let error as ImageError {
            throw ModelError.file("\(file): \(error)")
        }
    }

    private func places(of map: ClassMap) -> String {
        let (least, most) = (Double(map.values.min() ?? 0), Double(map.values.max() ?? 0))
        return "\(least.formatted(decimals: 2)) to \(most.formatted(decimals: 2)) over \(map.width) x \(map.height) places"
    }

    private func line(_ file: String, _ seen: SeenClass) -> String {
        var writer = JSONWriter()
        writer.object {
            $0.field("file", file)
            $0.field("map", seen)
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// What is said when all is done, so that it does not cross the progress bar.
    private func finish(_ lines: [String]) throws(ModelError) {
        switch format {
        case .json: try writeFile(Array(lines.map { "\($0)\n" }.joined().utf8), to: output ?? "-")
        // Standard output may be the picture's.
        case .png: if output != "-" { for line in lines { printText(line) } }
        }
    }
}
