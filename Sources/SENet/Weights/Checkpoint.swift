/// The tensors of a network, checked against it: nothing missing, nothing left over, every shape as expected.
struct Checkpoint: Sendable {
    private let source: Source

    private enum Source {
        case file(SafeTensors)
        case formula
    }

    /// - Throws: `ModelError.weights` naming the first tensor that is missing, left over or of another shape.
    init(_ tensors: SafeTensors, for network: Network) throws(ModelError) {
        let path = tensors.file.path
        var left = Set(tensors.tensors.keys)
        for parameter in network.parameters {
            guard let found = tensors.tensors[parameter.name] else {
                throw .weights("\(path): tensor '\(parameter.name)' \(parameter.shape) of \(network.name) is missing")
            }
            guard found.shape == parameter.shape else {
                throw .weights("\(path): tensor '\(parameter.name)' should be \(parameter.shape) in \(network.name), found \(found.shape)")
            }
            left.remove(parameter.name)
        }
        // A counter that PyTorch keeps for training.
        if let name = left.filter({ !$0.hasSuffix(".num_batches_tracked") }).min(), let found = tensors.tensors[name] {
            throw .weights("\(path): tensor '\(name)' \(found.shape) does not belong to \(network.name)")
        }
        source = .file(tensors)
    }

    private init(_ source: Source) { self.source = source }

    /// Made-up weights of sensible size, for measuring a network whose checkpoint is not at hand.
    static let madeUp = Checkpoint(.formula)

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
}
