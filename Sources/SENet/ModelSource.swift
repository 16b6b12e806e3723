import FoundationEssentials

/// A network and where its weights come from: a folder as the Hugging Face hub lays it out, or an architecture by name with made-up weights.
public struct ModelSource: Sendable {
    public private(set) var configuration: Configuration
    public let network: Network
    /// The folder; nil for made-up weights.
    public let folder: String?

    /// Reads `config.json` in `folder`, whose weights are `model.safetensors` beside it.
    ///
    /// - Throws: `ModelError.file` or `.configuration`.
    public init(folder: String) throws(ModelError) {
        let path = "\(folder)/config.json"
        let bytes = try InputFile.contents(path)
        if let kind = FileKind(prefix: bytes.prefix(FileKind.prefixLength)), kind != .json { throw .file("\(path): \(kind.explanation)") }
        configuration = try Configuration(json: Data(bytes))
        network = configuration.network
        self.folder = folder
    }

    /// Any configuration with weights by formula.
    init(configuration: Configuration) {
        self.configuration = configuration
        network = configuration.network
        folder = nil
    }

    /// A published architecture with weights by formula (`WeightFormula`), to be measured or inspected, not to be believed.
    ///
    /// - Throws: `ModelError.configuration` if there is none of that name.
    public init(architecture: String) throws(ModelError) {
        self.init(configuration: try Configuration(architecture: architecture))
    }

    /// The same with the input that the configuration gives for tests (`test_input_size`, `test_crop_pct`), as far as it gives one.
    public var withTestInput: ModelSource {
        var source = self
        let evaluation = configuration.evaluation
        source.configuration.evaluation.height = evaluation.testHeight ?? evaluation.height
        source.configuration.evaluation.width = evaluation.testWidth ?? evaluation.width
        source.configuration.evaluation.cropFraction = evaluation.testCropFraction ?? evaluation.cropFraction
        return source
    }

    /// What it is computed in where nothing else is asked for: int8 where it is quantised, else float32.
    public var standardPrecision: Precision { configuration.quantization == nil ? .float32 : .int8 }

    /// Loads the weights and makes the plan.
    ///
    /// - Parameters:
    ///   - height, width: the input's size in pixels; nil for the configuration's.
    ///   - precision: what to compute in; nil for what the folder is made for, float32 unless it is quantised.
    ///   - kernels: the instruction set; nil for the best.
    ///   - threads: how many threads pack the weights.
    ///   - onlyGemm: computes every convolution by im2col and OpenBLAS.
    ///   - plans: if one of them is of the same network, weights, size and precision, it is the answer.
    /// - Throws: `ModelError`.
    public func plan(
        height: Int? = nil, width: Int? = nil, precision: Precision? = nil, kernels: Kernels? = nil, threads: Int = 1,
        onlyGemm: Bool = false, sharing plans: [Plan] = []
    ) throws(ModelError) -> Plan {
        let chosen = if let kernels { kernels } else { try Kernels() }
        let quantization = configuration.quantization
        let precision = precision ?? standardPrecision
        guard quantization == nil || precision == .int8 else {
            throw .configuration(
                "\(configuration.fullName) is quantised and computed in int8: for \(precision.rawValue) give the model that it was made of")
        }
        let checkpoint = try checkpoint()
        let origin = Plan.Origin(
            weights: checkpoint.identity, network: network, height: height ?? configuration.evaluation.height,
            width: width ?? configuration.evaluation.width, precision: precision, quantization: quantization?.withoutReport,
            instructionSet: chosen.name, onlyGemm: onlyGemm)
        if let plan = plans.first(where: { $0.origin == origin }) { return plan }
        return try Plan(origin, checkpoint, chosen, threads: threads)
    }

    func checkpoint() throws(ModelError) -> Checkpoint {
        guard let folder else { return .madeUp }
        let path = "\(folder)/model.safetensors"
        let older = "\(folder)/pytorch_model.bin"
        if !FileManager.default.fileExists(atPath: path), FileManager.default.fileExists(atPath: older) {
            throw .file("\(path): not there; a model's folder can be made of \(older), which is, by: excite import")
        }
        return Checkpoint(try SafeTensors(path: path), for: network.name)
    }
}
