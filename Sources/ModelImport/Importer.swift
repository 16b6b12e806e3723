import SENet

/// Reads a network from another program's file: a Caffe model, or a state dictionary that `torch.save` wrote.
public struct Importer: Sendable {
    /// A description of the network that takes the place of the one in the caffemodel.
    public var prototxt: String?
    /// Where in a PyTorch checkpoint the state dictionary is, keys joined by dots; nil to look under the usual ones.
    public var stateDictionaryKey: String?
    /// timm's name of the architecture; nil to find it out from the tensors' shapes.
    public var architecture: String?
    public var conventions: ResidualConventions

    public init(
        prototxt: String? = nil, stateDictionaryKey: String? = nil, architecture: String? = nil,
        conventions: ResidualConventions = ResidualConventions()
    ) {
        self.prototxt = prototxt
        self.stateDictionaryKey = stateDictionaryKey
        self.architecture = architecture
        self.conventions = conventions
    }

    /// - Parameter path: the file; what it is shows in its first bytes, not in its name.
    /// - Throws: `ModelError` saying what is wrong with the file or not supported in it.
    public func read(_ path: String) throws(ModelError) -> ImportedModel {
        let file = try InputFile(path: path)
        if let kind = FileKind(of: file) { throw .weights("\(path): \(kind.explanation)") }
        var model = PyTorchFile.isOne(file) ? try readPyTorch(file) : try readCaffe(file)
        try model.validate()
        if !model.leftOut.isEmpty {
            let names = model.leftOut.prefix(12).joined(separator: ", ") + (model.leftOut.count > 12 ? ", …" : "")
            model.findings.append("left out, for they are no part of the network: \(names)")
        }
        model.findings.append("parameters: \(model.network.parameterCount)")
        return model
    }

    private func readCaffe(_ file: InputFile) throws(ModelError) -> ImportedModel {
        let binary = try CaffeModel(binary: file)
        var model = binary
        if let prototxt {
            model = try CaffeModel(text: InputFile.contents(prototxt), source: prototxt)
            model.takeBlobs(from: binary)
        }
        let network = try CaffeNetwork(model, file: file)
        var imported = try network.model(name: model.name.isEmpty ? "imported" : model.name)
        imported.findings = ["Caffe network '\(model.name)', \(model.layers.count) layers, \(imported.network.operations.count) operations"]
        if let prototxt { imported.findings.append("layers as \(prototxt) has them") }
        imported.leftOut = network.skipped
        return imported
    }

    private func readPyTorch(_ file: InputFile) throws(ModelError) -> ImportedModel {
        let checkpoint = try PyTorchFile(file, key: stateDictionaryKey)
        let tensors = NetworkTensors(checkpoint.tensors)
        let matching = conventions == ResidualConventions() ? tensors.publishedArchitectures : []
        let stated = checkpoint.architecture.map { Architecture.currentName($0) }
        var model: ImportedModel
        if let name = architecture ?? (stated.map(matching.contains) == true ? stated : matching.first) {
            model = try ImportedModel(tensors, architecture: name, file: file)
            if architecture == nil {
                let others = matching.filter { $0 != name }
                let why =
                    name == stated
                    ? "as the checkpoint says"
                    : "by its tensors" + (others.isEmpty ? "" : ", which are also those of \(others.joined(separator: ", "))")
                model.assumptions.append("the architecture is \(name), \(why) (--architecture)")
            }
        } else {
            model = try ResidualImport.model(tensors.network, file: file, conventions: conventions)
            model.leftOut = tensors.beside + model.leftOut
            model.takeArchitectureName()
        }
        let place = checkpoint.key.isEmpty ? "" : " under '\(checkpoint.key)'"
        var found = ["PyTorch state dictionary\(place), \(checkpoint.tensors.count) tensors"]
        found += checkpoint.others.map { other in
            other.key.isEmpty
                ? "the file's outermost dictionary has \(other.count) tensors as well, which are left out"
                : "also in the file, \(other.count) tensors: --key \(other.key)"
        }
        if let stated, Architecture.named[stated] != nil, stated != model.architecture {
            found.append("the checkpoint calls itself \(stated); its tensors are not that network's as it was published")
        }
        model.findings.insert(contentsOf: found, at: 0)
        if let name = model.architecture { model.findings.append("architecture: \(name)") }
        return model
    }
}

extension ImportedModel {
    /// Tensors that bear the names of a published architecture's. The number of classes is the classifier's.
    fileprivate init(_ tensors: NetworkTensors, architecture name: String, file: InputFile) throws(ModelError) {
        let configuration = try tensors.configuration(name)
        let network = configuration.network
        guard let (taken, beside) = tensors.fitting(network.parameters) else {
            let problem = tensors.firstProblem(network.parameters) ?? ""
            throw .weights("\(file.path): not the tensors of \(name): \(problem)")
        }
        self.init(network: network, tensors: taken, file: file, architecture: configuration.name, leftOut: beside)
    }
}
