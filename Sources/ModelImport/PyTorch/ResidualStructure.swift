import SENet

/// What a state dictionary tells about a residual network: which tensors belong together, found by how modules are grouped and by shapes. The
/// names of modules differ from one code base to the next (timm's, Cadene's, gluon's, `se.fc.0`, `residual.3`, …); how they nest does not.
struct ResidualStructure {
    /// A module's tensors by the last part of their names: `weight`, `running_mean`, ….
    struct Module {
        var path: [String]
        var tensors: [String: ImportedTensor] = [:]

        var weight: [Int] { tensors["weight"]?.shape ?? [] }
        var isNorm: Bool { weight.count == 1 && tensors["running_mean"] != nil }
        var isConvolution: Bool { weight.count == 4 }
        /// A linear layer or a 1 × 1 convolution: (outputs, inputs).
        var linear: (outputs: Int, inputs: Int)? {
            guard weight.count == 2 || (weight.count == 4 && weight[2...] == [1, 1]) else { return nil }
            return (weight[0], weight[1])
        }
        var name: String { path.joined(separator: ".") }
    }

    /// A convolution and its batch norm.
    struct Layer {
        var convolution: Module
        var norm: Module

        var outputs: Int { convolution.weight[0] }
        var kernel: Int { convolution.weight[2] }
    }

    struct Block {
        var name: String
        var layers: [Layer]
        /// The two layers of the gate.
        var gate: [Module]
        var projection: Layer?
        /// The shortcut is pooled before its projection, which then is the second of its modules (ResNet-D).
        var averageDown: Bool { projection?.convolution.path.last == "1" }
    }

    var stem: [Layer] = []
    var stages: [[Block]] = []
    var classifier: Module
    /// Tensors outside of the blocks that belong to no layer: a loss's weights, a counter.
    var beside: [String] = []

    /// - Throws: `ModelError.weights` naming the modules in which no residual network can be seen.
    init(_ tensors: [ImportedTensor]) throws(ModelError) {
        var outside: [Module] = []
        var blocks: [(stage: [String], name: [String], modules: [Module])] = []
        for module in Self.modules(tensors) {
            if let end = Self.blockEnd(module.path) {
                let name = Array(module.path[..<end])
                if let index = blocks.lastIndex(where: { $0.name == name }) {
                    blocks[index].modules.append(module)
                } else {
                    blocks.append((Array(name.dropLast()), name, [module]))
                }
            } else {
                outside.append(module)
            }
        }
        guard let last = outside.lastIndex(where: { $0.weight.count == 2 }) else {
            throw Self.failure("no classifier: no linear layer outside of the blocks")
        }
        classifier = outside.remove(at: last)
        beside = outside.filter { $0.weight.count < 2 && !$0.isNorm }.flatMap { $0.tensors.values.map(\.name) }.sorted()
        outside.removeAll { $0.weight.count < 2 && !$0.isNorm }
        stem = try Self.layers(outside, in: "the stem")
        guard !stem.isEmpty, !blocks.isEmpty else { throw Self.failure("no stem or no blocks") }
        var previous: [String]?
        for (stage, name, modules) in blocks {
            if stage != previous { stages.append([]) }
            stages[stages.count - 1].append(try Self.block(name, modules))
            previous = stage
        }
    }

    static func failure(_ what: String) -> ModelError {
        .weights("no residual network can be seen in the state dictionary: \(what); if it is one of timm's, give --architecture")
    }

    /// Modules in the order of the file.
    private static func modules(_ tensors: [ImportedTensor]) -> [Module] {
        var modules: [Module] = []
        var indexes: [[String]: Int] = [:]
        for tensor in tensors {
            let path = tensor.name.split(separator: ".").map(String.init)
            guard let part = path.last else { continue }
            let module = Array(path.dropLast())
            if indexes[module] == nil {
                indexes[module] = modules.count
                modules.append(Module(path: module))
            }
            modules[indexes[module] ?? 0].tensors[part] = tensor
        }
        return modules
    }

    /// The length of the part of a path that names a block: up to the last of the first numbers that something follows, `layer1.0.conv1`,
    /// `stages.0.2.conv1`.
    static func blockEnd(_ path: [String]) -> Int? {
        guard var index = path.dropFirst().firstIndex(where: { Int($0) != nil }) else { return nil }
        while index + 1 < path.count, Int(path[index + 1]) != nil { index += 1 }
        return index + 1 < path.count ? index + 1 : nil
    }

    /// Pairs each convolution with the batch norm that stands as far from the start among the batch norms.
    private static func layers(_ modules: [Module], in place: String) throws(ModelError) -> [Layer] {
        let (convolutions, norms) = (modules.filter(\.isConvolution), modules.filter(\.isNorm))
        guard convolutions.count == norms.count, convolutions.count + norms.count == modules.count else {
            let names = modules.map { "\($0.name) \($0.weight)" }.joined(separator: ", ")
            throw failure("\(place) is not of convolutions with a batch norm each: \(names)")
        }
        let layers = zip(convolutions, norms).map { Layer(convolution: $0, norm: $1) }
        for layer in layers where layer.norm.weight != [layer.outputs] || layer.convolution.weight[2] != layer.convolution.weight[3] {
            throw failure("\(layer.convolution.name) \(layer.convolution.weight) does not go with \(layer.norm.name) \(layer.norm.weight)")
        }
        return layers
    }

    /// The modules of a block by what holds them: where there are batch norms, the residual branch and perhaps a projection, which has one
    /// convolution; where there are none, the gate.
    private static func block(_ name: [String], _ modules: [Module]) throws(ModelError) -> Block {
        var groups: [(parent: ArraySlice<String>, modules: [Module])] = []
        for module in modules {
            let parent = module.path[name.count...].dropLast()
            if let index = groups.firstIndex(where: { $0.parent.elementsEqual(parent) }) {
                groups[index].modules.append(module)
            } else {
                groups.append((parent, [module]))
            }
        }
        let title = name.joined(separator: ".")
        var withNorms = groups.map(\.modules).filter { $0.contains(where: \.isNorm) }
        var gate = groups.map(\.modules).filter { !$0.contains(where: \.isNorm) }.flatMap { $0 }
        guard let largest = withNorms.indices.max(by: { withNorms[$0].count < withNorms[$1].count }), withNorms.count <= 2 else {
            throw failure("block \(title) has \(withNorms.count) branches of convolutions and batch norms")
        }
        var branch = withNorms.remove(at: largest)
        if gate.isEmpty, branch.count(where: \.isNorm) == branch.count - branch.count(where: \.isNorm) - 2 {
            // The gate's layers stand among the others; they alone have biases.
            gate = branch.filter { !$0.isNorm && $0.tensors["bias"] != nil }
            branch.removeAll { !$0.isNorm && $0.tensors["bias"] != nil }
        }
        var projection: [Layer] = []
        if let modules = withNorms.first { projection = try Self.layers(modules, in: "the projection of block \(title)") }
        guard gate.isEmpty || (gate.count == 2 && gate.allSatisfy { $0.linear != nil }), projection.count <= 1 else {
            let names = gate.map { "\($0.name) \($0.weight)" }.joined(separator: ", ")
            throw failure(
                "block \(title) has modules besides convolutions with batch norms that are not the two layers of a gate: \(names)")
        }
        let layers = try Self.layers(branch, in: "block \(title)")
        guard (2...3).contains(layers.count) else { throw failure("block \(title) has \(layers.count) convolutions, not 2 or 3") }
        return Block(name: title, layers: layers, gate: gate, projection: projection.first)
    }
}
