/// Which images of a network get codes, and which of them must share one.
struct CodeRequirements {
    /// The names of the images that share a code. Pooling does not change what a code stands for, and a concatenation's inputs have the output's.
    private(set) var groups: [[String]] = []
    private(set) var scaling: [CodeChoice.Scaling] = []

    init(_ network: FusedNetwork) {
        /// The group of each value: the smallest index of a value in it.
        var group = Array(network.values.indices)
        var (uniform, convolved): (Set<Int>, Set<Int>) = ([], [])
        func join(_ a: ValueID, _ b: ValueID) {
            let (low, high) = (min(group[a.index], group[b.index]), max(group[a.index], group[b.index]))
            for index in group.indices where group[index] == high { group[index] = low }
        }
        for operation in network.operations {
            switch operation.kind {
            case .pooling, .blurPooling: join(operation.input, operation.output)
            case .concatenation(let others):
                uniform.insert(operation.output.index)
                for input in [operation.input] + others { join(input, operation.output) }
            case .convolution: convolved.insert(operation.input.index)
            default: continue
            }
        }
        let images = network.imageValues
        let (uniformGroups, convolvedGroups) = (Set(uniform.map { group[$0] }), Set(convolved.map { group[$0] }))
        for first in Set(images.map { group[$0.index] }).sorted() {
            groups.append(images.filter { group[$0.index] == first }.map { network[$0].name })
            scaling.append(uniformGroups.contains(first) ? .uniform : convolvedGroups.contains(first) ? .balanced : .perChannel)
        }
    }
}

extension FusedNetwork {
    /// The images that operations make, in order: neither vectors, nor the network's input in other layouts, nor another encoding of a value.
    var imageValues: [ValueID] {
        operations.compactMap { operation in
            switch operation.kind {
            case .channelSums, .channelMaxima, .mean, .linear, .interleaving, .recoding: nil
            case .conversion, .convolution, .pooling, .blurPooling, .scale, .affine, .concatenation:
                self[operation.output].layout == .blocked ? operation.output : nil
            }
        }
    }
}
