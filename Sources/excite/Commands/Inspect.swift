import ArgumentParser
import FoundationEssentials
import SENet

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a network as a table: layers, shapes, parameters, multiply-accumulates, memory.",
        discussion: "--model may also name a published architecture, such as seresnet50: no weights are needed.")

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var threadOptions: ThreadOptions
    @OptionGroup var precisionOptions: PrecisionOptions

    @Option(help: "The input's edge in pixels, or height x width such as 288x224. (default: what the model was evaluated at)")
    var size: InputSize?

    @Option(help: "The batch that the arena's memory is stated for.")
    var batch: Int = environment("batch", default: 1)

    @Flag(help: "Show the plan instead: what is fused, and how each step is computed.")
    var plan = false

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Networks beside each other instead: parameters, multiply-accumulates, and what squeeze and excitation adds, by stage and in all: "
                + "--compare resnet50 seresnet50 seresnet50,reduction=4,stages=2+3.",
            discussion: """
                Each is a model, or the model of --model, and the paper's variants of SE, separated by commas: reduction=N, squeeze=avg|max, \
                excitation=sigmoid|relu|tanh, placement=standard|pre|post|identity|3x3, stages=2+3+4+5.
                """, valueName: "A B …"))
    var compare: [String] = []

    @Option(help: "text or json.")
    var format: OutputFormat = environment("format", default: .text)

    struct Report: Encodable {
        var name: String
        var input: [Int]
        var layers: [Layer]
        var parameters: Int
        var multiplyAccumulates: Int
        var plan: PlanReport

        struct Layer: Encodable {
            var name: String
            var kind: String
            var output: [Int]
            var parameters: Int
            var multiplyAccumulates: Int
            var algorithm: String?
            var precision: Precision?
        }

        struct PlanReport: Encodable {
            var instructionSet: String
            var precision: Precision
            var weightBytes: Int
            var arenaBytes: Int
        }
    }

    func validate() throws {
        try require("--batch", batch, in: 1...1024)
        guard compare.isEmpty || !plan else { throw ValidationError("--compare and --plan do not go together.") }
    }

    func run() throws {
        guard compare.isEmpty else {
            let comparison = try NetworkComparison(
                compare, model: { try modelOptions.source(namedArchitecture: true) }, in: modelOptions.modelsFolder.folder, size: size)
            return printText(format == .json ? try JSON.text(comparison) : comparison.text)
        }
        let source = try modelOptions.source(namedArchitecture: true)
        let evaluation = source.configuration.evaluation
        let (height, width) = (size?.height ?? evaluation.height, size?.width ?? evaluation.width)
        let network = source.network
        let shapes = try network.shapes(height: height, width: width)
        let plan = try source.plan(height: height, width: width, precision: precisionOptions.chosen, threads: threadOptions.threads)

        var layers = network.operations.map { operation in
            let shape = shapes[operation.name] ?? Shape(channels: 0, height: 0, width: 0)
            return Report.Layer(
                name: operation.name, kind: operation.kindName, output: [shape.channels, shape.height, shape.width],
                parameters: operation.parameters.reduce(0) { $0 + ($1.isStatistic ? 0 : $1.count) },
                multiplyAccumulates: operation.multiplyAccumulates(output: shape))
        }
        let multiplyAccumulates = layers.reduce(0) { $0 + $1.multiplyAccumulates }
        if self.plan {
            layers = plan.summaries.map { step in
                Report.Layer(
                    name: step.name, kind: step.kind, output: [step.output.channels, step.output.height, step.output.width], parameters: 0,
                    multiplyAccumulates: step.multiplyAccumulates, algorithm: step.algorithm,
                    precision: step.precision)
            }
        }
        let report = Report(
            name: source.configuration.fullName, input: [network.inputChannels, height, width], layers: layers,
            parameters: network.parameterCount, multiplyAccumulates: multiplyAccumulates,
            plan: .init(
                instructionSet: plan.instructionSet, precision: plan.precision, weightBytes: plan.weightBytes,
                arenaBytes: plan.arenaBytes(threads: threadOptions.threads, largestBatch: batch)))
        switch format {
        case .json: print(try JSON.text(report))
        case .text: printTable(report)
        }
    }

    private func printTable(_ report: Report) {
        var table = TextTable(columns: [.left("layer"), .left("kind"), .right("output")])
        if !plan { table.columns.append(.right("parameters")) }
        table.columns.append(.right("multiply-accumulates"))
        if plan { table.columns += [.left("precision"), .left("algorithm")] }
        for layer in report.layers {
            var row = [layer.name, layer.kind, layer.output.map(String.init).joined(separator: "×")]
            if !plan { row.append(layer.parameters.grouped) }
            row.append(layer.multiplyAccumulates.grouped)
            if plan { row += [layer.precision?.rawValue ?? "", layer.algorithm ?? ""] }
            table.rows.append(row)
        }
        printText(table.text)
        printText(
            """

            \(report.name), input \(report.input.map(String.init).joined(separator: "×"))
            parameters            \(report.parameters.grouped)
            multiply-accumulates  \(report.multiplyAccumulates.grouped)
            packed weights        \(report.plan.weightBytes.mebibytes) (\(report.plan.precision.rawValue), \(report.plan.instructionSet))
            arena                 \(report.plan.arenaBytes.mebibytes) for \(batch) image\(batch == 1 ? "" : "s"), \(threadOptions.threads) threads
            """)
    }
}

extension SENet.Operation {
    /// One or two words for a table.
    fileprivate var kindName: String {
        switch kind {
        case .convolution(let convolution):
            "convolution \(convolution.kernel)×\(convolution.kernel)" + (convolution.stride > 1 ? ", stride \(convolution.stride)" : "")
                + (convolution.groups > 1 ? ", \(convolution.groups) groups" : "")
        case .batchNorm: "batch norm"
        case .activation(let activation): activation.rawValue
        case .pooling(let pooling): "\(pooling.operator.rawValue) pool \(pooling.kernel)×\(pooling.kernel), stride \(pooling.stride)"
        case .blurPooling(let blurring): "blur pool 3×3, stride \(blurring.stride)"
        case .globalPooling(let `operator`): "global \(`operator`.rawValue) pool"
        case .linear: "linear"
        case .gate(let gate): "gate, \(gate.hidden) hidden"
        case .scale: "scale"
        case .add: "add"
        case .concatenation: "concatenation"
        }
    }
}
