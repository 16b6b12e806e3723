import SENet

/// Tensors by name, somewhere in a checkpoint.
struct StateDictionary: Sendable {
    /// Where it is: keys joined by dots, empty for the whole.
    var key: String
    /// The tensors' names and numbers, in order.
    var tensors: [(name: String, number: Int)]
}

extension PickleContent {
    /// Keys under which training programs keep a state dictionary. Averaged weights come before those that they are averages of, as in timm's
    /// `load_state_dict`.
    private static let knownKeys = [
        "state_dict_ema", "model_ema", "state_dict", "model", "model_state_dict", "model_state", "net", "network", "weights", "params",
    ]
    private static let depthLimit = 4

    /// The state dictionary under `key` and, from there, under the usual keys.
    ///
    /// - Throws: `ModelError.weights` saying what there is, if there is none.
    func stateDictionary(key: String?, source: String) throws(ModelError) -> StateDictionary {
        var value = top
        var path = key?.split(separator: ".").map(String.init) ?? []
        for (index, next) in path.enumerated() {
            let found = entries(value) ?? []
            guard let inner = found.first(where: { $0.key == next })?.value else {
                let place = index == 0 ? "it" : "'\(path[..<index].joined(separator: "."))'"
                throw .weights("\(source): no '\(next)' in \(place); it has: \(found.map(\.key).prefix(12).joined(separator: ", "))\(hint)")
            }
            value = inner
        }
        var tried: Set<Int> = []
        guard let (usual, tensors) = usualPlace(value, &tried) else {
            let keys = (entries(value) ?? []).map(\.key).prefix(12).joined(separator: ", ")
            throw .weights("\(source): no dictionary of tensors in it; it has: \(keys.isEmpty ? "nothing by name" : keys)\(hint)")
        }
        path += usual
        return StateDictionary(key: path.joined(separator: "."), tensors: tensors)
    }

    /// Every state dictionary that can be reached by keys, in the order of the file.
    var stateDictionaries: [StateDictionary] {
        var found: [StateDictionary] = []
        var seen: Set<Int> = []
        func visit(_ value: PickleValue, _ path: [String]) {
            guard case .container(let number) = value, let entries = entries(value), path.count <= Self.depthLimit,
                seen.insert(number).inserted
            else { return }
            if let tensors = weights(value) { found.append(StateDictionary(key: path.joined(separator: "."), tensors: tensors)) }
            for (key, inner) in entries { visit(inner, path + [key]) }
        }
        visit(top, [])
        return found
    }

    private var hint: String {
        let keys = stateDictionaries.map { "--key \($0.key)" }
        return keys.isEmpty ? "" : "; there are tensors under: \(keys.joined(separator: ", "))"
    }

    private func usualPlace(_ value: PickleValue, _ tried: inout Set<Int>) -> (path: [String], tensors: [(name: String, number: Int)])? {
        guard case .container(let number) = value, let entries = entries(value), tried.count <= Self.depthLimit * Self.knownKeys.count,
            tried.insert(number).inserted
        else { return nil }
        for key in Self.knownKeys {
            guard let inner = entries.first(where: { $0.key == key })?.value, let (path, tensors) = usualPlace(inner, &tried) else {
                continue
            }
            return ([key] + path, tensors)
        }
        return weights(value).map { ([], $0) }
    }

    /// The tensors of a dictionary, if one of them has the shape of a layer's weight: a measure such as the best accuracy has none.
    private func weights(_ value: PickleValue) -> [(name: String, number: Int)]? {
        let tensors: [(name: String, number: Int)] = (entries(value) ?? []).compactMap {
            if case .tensor(let number) = $0.value { ($0.key, number) } else { nil }
        }
        return tensors.contains { self.tensors[$0.number].shape.count >= 2 } ? tensors : nil
    }
}
