/// The tensors that a network's weights are.
struct Checkpoint: Sendable {
    private let source: Source
    /// For messages.
    private let networkName: String

    private enum Source {
        case file(SafeTensors)
        case formula
    }

    init(_ tensors: SafeTensors, for networkName: String) {
        source = .file(tensors)
        self.networkName = networkName
    }

    /// Whether a file has exactly these tensors, each of its shape.
    ///
    /// - Throws: `ModelError.weights` naming the first tensor that is missing, left over or of another shape.
    func check(_ parameters: [Parameter]) throws(ModelError) {
        guard case .file(let tensors) = source else { return }
        let path = tensors.file.path
        var left = Set(tensors.tensors.keys)
        for parameter in parameters {
            guard let found = tensors.tensors[parameter.name] else {
                throw .weights("\(path): tensor '\(parameter.name)' \(parameter.shape) of \(networkName) is missing")
            }
            guard found.shape == parameter.shape else {
                throw .weights("\(path): tensor '\(parameter.name)' should be \(parameter.shape) in \(networkName), found \(found.shape)")
            }
            left.remove(parameter.name)
        }
        // A counter that PyTorch keeps for training.
        if let name = left.filter({ !$0.hasSuffix(".num_batches_tracked") }).min(), let found = tensors.tensors[name] {
            throw .weights("\(path): tensor '\(name)' \(found.shape) does not belong to \(networkName)")
        }
    }

    private init(_ source: Source) {
        self.source = source
        networkName = ""
    }

    /// Made-up weights of sensible size, for measuring a network whose checkpoint is not at hand.
    static let madeUp = Checkpoint(.formula)

    /// Of the file; nil for made-up weights.
    var identity: InputFile.Identity? { if case .file(let tensors) = source { tensors.file.identity } else { nil } }

    /// - Throws: `ModelError.file` if the file is not as it was when it was opened.
    func requireUnchanged() throws(ModelError) {
        if case .file(let tensors) = source { try tensors.file.requireUnchanged() }
    }

    /// The elements of `parameter`, row-major.
    func floats(_ parameter: Parameter) throws(ModelError) -> [Float] {
        switch source {
        case .formula: return WeightFormula.values(parameter)
        case .file(let tensors):
            var values = [Float](repeating: 0, count: parameter.count)
            let failure: ModelError? = values.withUnsafeMutableBufferPointer { buffer in
                do throws(ModelError) { try tensors.copyFloats(of: parameter.name, to: buffer) } catch { return error }
                return nil
            }
            if let failure { throw failure }
            return values
        }
    }

    /// The elements of `parameter`, 8-bit integers, row-major.
    func integers(_ parameter: Parameter) throws(ModelError) -> [Int8] {
        guard case .file(let tensors) = source else { throw .weights("made-up weights are not quantised") }
        return try tensors.integers(of: parameter.name)
    }

    /// The elements of `parameter`, each a scale of weights.
    func scales(_ parameter: Parameter) throws(ModelError) -> [Float] {
        let scales = try floats(parameter)
        if let wrong = scales.firstIndex(where: { !(0...1e12).contains($0) }) {
            throw .weights("tensor '\(parameter.name)' holds a scale of \(scales[wrong]) at element \(wrong): it must be from 0 to 1e12")
        }
        return scales
    }
}
