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
        let file = try MappedFile(path: path)
        guard !file.bytes.isEmpty else { throw .weights("\(path): empty") }
        var model = Self.isPyTorch(file.bytes) ? try readPyTorch(file) : try readCaffe(file)
        try model.validate()
        model.findings.append("parameters: \(model.network.parameterCount)")
        return model
    }

    /// A zip file, or a pickle of protocol 2 or later.
    private static func isPyTorch(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.starts(with: ZipDirectory.signature) || (bytes.count > 2 && bytes[0] == 0x80 && (2...5).contains(bytes[1]))
    }

    private func readCaffe(_ file: MappedFile) throws(ModelError) -> ImportedModel {
        let binary = try CaffeModel(binary: file.bytes, source: file.path)
        var model = binary
        if let prototxt {
            let text = try MappedFile(path: prototxt)
            model = try CaffeModel(text: text.bytes, source: prototxt)
            model.takeBlobs(from: binary)
        }
        let network = try CaffeNetwork(model, file: file)
        var imported = try network.model(name: model.name.isEmpty ? "imported" : model.name)
        imported.findings = ["Caffe network '\(model.name)', \(model.layers.count) layers, \(imported.network.operations.count) operations"]
        if let prototxt { imported.findings.append("layers as \(prototxt) has them") }
        if !network.skipped.isEmpty {
            imported.findings.append("left out, for the result does not depend on them: \(network.skipped.joined(separator: ", "))")
        }
        return imported
    }

    private func readPyTorch(_ file: MappedFile) throws(ModelError) -> ImportedModel {
        let checkpoint = try PyTorchFile(file.bytes, source: file.path, key: stateDictionaryKey)
        let place = checkpoint.path.isEmpty ? "" : " under '\(checkpoint.path)'"
        let found = "PyTorch state dictionary\(place), \(checkpoint.tensors.count) tensors"
        var model: ImportedModel
        let known = checkpoint.architecture.flatMap { Architecture.named[$0] == nil ? nil : $0 }
        let tensors = checkpoint.tensors.withoutCommonPrefix
        let matching = conventions == ResidualConventions() ? tensors.publishedArchitectures : []
        if let name = architecture ?? known ?? matching.first {
            model = try ImportedModel(tensors, architecture: name, file: file)
            if architecture == nil {
                let others = matching.filter { $0 != name }
                let why =
                    known != nil
                    ? "as the checkpoint says"
                    : "by its tensors" + (others.isEmpty ? "" : ", which are also those of \(others.joined(separator: ", "))")
                model.assumptions.append("the architecture is \(name), \(why) (--architecture)")
            }
        } else {
            model = try ResidualImport.model(checkpoint.tensors, file: file, conventions: conventions)
            model.takeArchitectureName()
        }
        model.findings.insert(found, at: 0)
        if let name = model.architecture { model.findings.append("architecture: \(name)") }
        return model
    }
}

extension ImportedModel {
    /// Tensors that bear the names of a published architecture's. The number of classes is the classifier's.
    fileprivate init(_ tensors: [ImportedTensor], architecture name: String, file: MappedFile) throws(ModelError) {
        var configuration = try Configuration(architecture: name)
        let byName = Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let classifier = configuration.network.parameters.last { $0.shape.count == 2 }
        if let classes = classifier.flatMap({ byName[$0.name]?.shape.first }), classes > 0 { configuration.classes = classes }
        if let inputChannels = tensors.inputChannels { configuration.inputChannels = inputChannels }
        let network = configuration.network
        var taken: [ImportedTensor] = []
        for parameter in network.parameters {
            guard let tensor = byName[parameter.name] else {
                throw .weights("\(file.path): tensor '\(parameter.name)' \(parameter.shape) of \(name) is missing")
            }
            taken.append(tensor)
        }
        let names = Set(network.parameters.map(\.name))
        if let other = tensors.first(where: { !names.contains($0.name) }) {
            throw .weights("\(file.path): tensor '\(other.name)' \(other.shape) does not belong to \(name)")
        }
        self.init(network: network, tensors: taken, file: file, architecture: name)
    }
}
