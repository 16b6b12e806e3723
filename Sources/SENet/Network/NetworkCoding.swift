/// What distinguishes one operation from another of its kind, as keys of JSON beside the operation's own.
private protocol Parameters: Codable {
    associatedtype Key: CodingKey & CaseIterable
}

private struct NoParameters: Parameters {
    enum Key: CodingKey, CaseIterable {}
}

private struct ActivationParameters: Parameters {
    var function: Activation

    enum Key: String, CodingKey, CaseIterable { case function }
    typealias CodingKeys = Key
}

private struct GlobalPoolingParameters: Parameters {
    var `operator`: Pooling.Operator

    enum Key: String, CodingKey, CaseIterable { case `operator` }
    typealias CodingKeys = Key
}

extension Convolution: Parameters {
    fileprivate typealias Key = CodingKeys

    enum CodingKeys: String, CodingKey, CaseIterable {
        case inputs = "in_channels"
        case outputs = "out_channels"
        case kernel = "kernel_size"
        case stride, padding, groups, bias
    }
}

extension BatchNorm: Parameters {
    fileprivate typealias Key = CodingKeys

    enum CodingKeys: String, CodingKey, CaseIterable {
        case channels
        case epsilon = "eps"
    }
}

extension Pooling: Parameters {
    fileprivate typealias Key = CodingKeys

    enum CodingKeys: String, CodingKey, CaseIterable {
        case `operator`
        case kernel = "kernel_size"
        case stride, padding
        case ceil = "ceil_mode"
        case countsPadding = "count_include_pad"
    }
}

extension BlurPooling: Parameters {
    fileprivate typealias Key = CodingKeys

    enum CodingKeys: String, CodingKey, CaseIterable { case stride, padding }
}

extension Linear: Parameters {
    fileprivate typealias Key = CodingKeys

    enum CodingKeys: String, CodingKey, CaseIterable {
        case inputs = "in_features"
        case outputs = "out_features"
    }
}

extension Gate: Parameters {
    fileprivate typealias Key = CodingKeys

    enum CodingKeys: String, CodingKey, CaseIterable { case channels, hidden, squeeze, excitation }
}

extension Operation: Codable {
    private enum Key: String, CodingKey, CaseIterable { case name, operation, inputs }

    /// The kinds, by their names in JSON.
    private enum Word: String, CaseIterable {
        case convolution, activation, pooling, linear, gate, scale, add, concatenation
        case batchNorm = "batch_norm"
        case blurPooling = "blur_pooling"
        case globalPooling = "global_pooling"
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        name = try values.decode(String.self, forKey: .name)
        inputs = try values.decode([String].self, forKey: .inputs)
        let found = try values.decode(String.self, forKey: .operation)
        guard let word = Word(rawValue: found) else {
            throw DecodingError.dataCorruptedError(
                forKey: .operation, in: values,
                debugDescription: "'\(name)' is a '\(found)', which is not supported: it must be one of "
                    + Word.allCases.map(\.rawValue).sorted().joined(separator: ", "))
        }
        /// The kind's own keys; a key that it does not have is refused.
        func parameters<P: Parameters>(_: P.Type = P.self) throws -> P {
            try decoder.refuseUnknownKeys { key in Key(stringValue: key) != nil || P.Key(stringValue: key) != nil }
            return try P(from: decoder)
        }
        switch word {
        case .convolution: kind = .convolution(try parameters())
        case .batchNorm: kind = .batchNorm(try parameters())
        case .activation: kind = .activation(try parameters(ActivationParameters.self).function)
        case .pooling: kind = .pooling(try parameters())
        case .blurPooling: kind = .blurPooling(try parameters())
        case .globalPooling: kind = .globalPooling(try parameters(GlobalPoolingParameters.self).operator)
        case .linear: kind = .linear(try parameters())
        case .gate: kind = .gate(try parameters())
        case .scale, .add, .concatenation:
            _ = try parameters(NoParameters.self)
            kind = word == .scale ? .scale : word == .add ? .add : .concatenation
        }
    }

    public func encode(to encoder: any Encoder) throws {
        let (word, parameters): (Word, any Parameters) =
            switch kind {
            case .convolution(let convolution): (.convolution, convolution)
            case .batchNorm(let norm): (.batchNorm, norm)
            case .activation(let function): (.activation, ActivationParameters(function: function))
            case .pooling(let pooling): (.pooling, pooling)
            case .blurPooling(let blurring): (.blurPooling, blurring)
            case .globalPooling(let `operator`): (.globalPooling, GlobalPoolingParameters(operator: `operator`))
            case .linear(let linear): (.linear, linear)
            case .gate(let gate): (.gate, gate)
            case .scale: (.scale, NoParameters())
            case .add: (.add, NoParameters())
            case .concatenation: (.concatenation, NoParameters())
            }
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(name, forKey: .name)
        try values.encode(word.rawValue, forKey: .operation)
        try values.encode(inputs, forKey: .inputs)
        try parameters.encode(to: encoder)
    }
}

extension Network {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case name
        case inputChannels = "input_channels"
        case operations
    }

    public init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys { CodingKeys(stringValue: $0) != nil }
        let values = try decoder.container(keyedBy: CodingKeys.self)
        name = try values.decode(String.self, forKey: .name)
        inputChannels = try values.decode(Int.self, forKey: .inputChannels)
        operations = try values.decode([Operation].self, forKey: .operations)
    }
}

extension Decoder {
    /// - Throws: `DecodingError` naming the first key that is not `known`.
    func refuseUnknownKeys(known: (String) -> Bool) throws {
        let values = try container(keyedBy: AnyKey.self)
        if let unknown = values.allKeys.map(\.stringValue).filter({ !known($0) }).min() {
            throw DecodingError.dataCorruptedError(
                forKey: AnyKey(stringValue: unknown), in: values, debugDescription: "this key is not supported")
        }
    }
}

/// Any key, to find those that are not known.
struct AnyKey: CodingKey {
    let stringValue: String
    let intValue: Int? = nil
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}
