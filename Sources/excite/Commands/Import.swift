import ArgumentParser
import FoundationEssentials
import ModelImport
import SENet
import Service
import Serving

struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a model's folder from a Caffe model or a PyTorch checkpoint.",
        discussion: """
            FILE is a .caffemodel, or what torch.save wrote of a state dictionary (alone, or in a checkpoint under state_dict, model or the \
            like; averaged weights first, as timm takes them). The folder that is written has config.json and model.safetensors, and is what --model takes:

              excite import SE-ResNet-50.caffemodel --labels classes.txt
              excite serve --model SE-ResNet-50

            A Caffe network is taken layer by layer, from the caffemodel or from a .prototxt of the same name beside it. Of a PyTorch file, a \
            residual network's structure is found from the shapes of the tensors, whatever they are called; what shapes cannot tell is assumed \
            as most such networks have it, and printed with the option that says otherwise. Nothing in the file is executed: a pickle that asks \
            for anything but tensors, containers and plain values is refused. What else the file holds is printed, with the --key for it.

            --settings takes a JSON file with the keys of timm's pretrained_cfg: input_size, crop_pct, crop_mode, interpolation, mean, std, \
            label_names, label_descriptions, problem_type, and for Caffe's conventions input_space ("BGR") and input_range ([0, 255]). --labels \
            comes before its label_names.
            """)

    @Argument(help: ArgumentHelp("The .caffemodel, .pth, .pt or .bin file.", valueName: "file"))
    var file: String

    @Option(help: ArgumentHelp("The folder to write. (default: the file's name without its ending)", valueName: "folder"))
    var output: String?

    @Option(
        help: ArgumentHelp("The Caffe network's description. (default: the .prototxt beside the file, or what is in it)", valueName: "file")
    )
    var prototxt: String?

    @Option(
        help: ArgumentHelp(
            "The classes' names, one a line in the classifier's order; a WordNet id (n01440764) may stand before the name.",
            valueName: "file"))
    var labels: String?

    @Option(help: ArgumentHelp("JSON with how the network was evaluated.", valueName: "file"))
    var settings: String?

    @Option(help: ArgumentHelp("Where in the checkpoint the state dictionary is, such as state_dict.", valueName: "key"))
    var key: String?

    @Option(help: ArgumentHelp("timm's name of the architecture, such as seresnet50, instead of finding it out.", valueName: "name"))
    var architecture: String?

    @Option(help: "Where a bottleneck has its stride: first (1×1) or middle (3×3).")
    var stride: ResidualConventions.StridePlace?

    @Option(help: "The pooling after the stem: padded (as PyTorch's networks), ceil (as Caffe's) or none.")
    var stemPooling: ResidualConventions.StemPooling?

    @Option(help: "The stride of the first convolution.")
    var stemStride: Int?

    @Option(help: "The activation after convolutions.")
    var activation: Activation?

    func validate() throws {
        if let stemStride { try require("--stem-stride", stemStride, in: 1...4) }
    }

    func run() throws {
        let beside = URL(filePath: file).deletingPathExtension().appendingPathExtension("prototxt").path
        let conventions = ResidualConventions(
            stridePlace: stride, stemPooling: stemPooling, stemStride: stemStride, activation: activation)
        let importer = Importer(
            prototxt: prototxt ?? (beside != file && FileManager.default.fileExists(atPath: beside) ? beside : nil),
            stateDictionaryKey: key, architecture: architecture, conventions: conventions)
        var model = try importer.read(file)
        let settings = try importSettings(&model)
        let folder = output ?? URL(filePath: file).deletingPathExtension().path
        var progress = ProgressBar("writing \(folder)", .bytes)
        defer { progress.finish() }
        try model.write(to: folder, settings) { progress.update($0, of: $1) }
        for finding in model.findings { print(printable(finding)) }
        for assumption in model.assumptions { print("assumed: \(printable(assumption))") }
        printText("written: \(folder)")
    }

    /// How the network is evaluated, from `--settings`, the file itself, and what is usual for its kind.
    private func importSettings(_ model: inout ImportedModel) throws -> ImportSettings {
        var evaluation = Configuration.Evaluation()
        if model.isCaffe {
            // The authors': the shorter edge to 256, the middle 224, blue first, minus the mean.
            evaluation.interpolation = "bilinear"
            (evaluation.inputSpace, evaluation.white) = ("BGR", 255)
            (evaluation.mean, evaluation.standardDeviation) = ([104, 117, 123], [1, 1, 1])
        }
        if let size = model.inputSize { (evaluation.height, evaluation.width) = size }
        let settings = try settings.map { try Configuration.Settings(json: Data(InputFile.contents($0)), source: $0) }
        if let settings {
            evaluation = try settings.evaluation(over: evaluation)
        } else {
            let mean = evaluation.mean.map { "\($0)" }.joined(separator: ", ")
            let deviation = evaluation.standardDeviation.map { "\($0)" }.joined(separator: ", ")
            model.assumptions.append(
                "the input is \(evaluation.inputSpace) from 0 to \(Int(evaluation.white)), mean \(mean), deviation \(deviation); "
                    + "\(evaluation.height) × \(evaluation.width), crop \(evaluation.cropFraction), \(evaluation.interpolation) (--settings)"
            )
        }
        var result = ImportSettings(evaluation: evaluation)
        result.outputActivation = try settings?.outputActivation(classes: model.classes)
        if model.classes == 1 { model.assumptions.append("the one output is a logit, whose sigmoid is the score") }
        if let labels {
            result.labels = try Labels.parse(file: labels)
        } else if let labels = try settings?.labels(classes: model.classes) {
            result.labels = labels
        } else if model.classes == 1000, !model.isCaffe {
            model.assumptions.append("the 1,000 classes are ImageNet's, in the usual order (--labels)")
        } else {
            // The authors' order of ImageNet's classes is their own: numbers are right where names would be wrong.
            if model.classes == 1000 { result.labels = (0..<1000).map { ("\($0)", "class \($0)") } }
            model.assumptions.append("the classes have no names, only numbers (--labels)")
        }
        return result
    }
}

extension ResidualConventions.StridePlace: ExpressibleByArgument {}
extension ResidualConventions.StemPooling: ExpressibleByArgument {}
extension Activation: ExpressibleByArgument {}
