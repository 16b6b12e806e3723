/// `model_args.se`: the variants of squeeze and excitation of the paper's section 6 (Hu et al., arXiv 1709.01507). Every key is optional.
struct SEArguments: Decodable {
    /// C / reduction hidden values, rounded to a multiple of 8 as timm does, never below 8.
    private var reduction: Double?
    private var squeeze: String?
    private var excitation: String?
    private var placement: String?
    /// Numbered as in the paper, from 2: conv2_x is timm's layer1.
    private var stages: [Int]?

    private enum Key: String, CodingKey { case reduction, squeeze, excitation, placement, stages }

    init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys { Key(stringValue: $0) != nil }
        let values = try decoder.container(keyedBy: Key.self)
        reduction = try values.decodeIfPresent(Double.self, forKey: .reduction)
        squeeze = try values.decodeIfPresent(String.self, forKey: .squeeze)
        excitation = try values.decodeIfPresent(String.self, forKey: .excitation)
        placement = try values.decodeIfPresent(String.self, forKey: .placement)
        stages = try values.decodeIfPresent([Int].self, forKey: .stages)
    }

    /// The architecture's squeeze and excitation, or timm's where it has none, with what is given here in place of it.
    func applied(to architecture: Architecture) throws(ModelError) -> SqueezeExcitation {
        func refused(_ what: String) -> ModelError { .configuration("config.json: model_args.se.\(what)") }
        guard architecture.generation == .timm else {
            throw .configuration(
                "config.json: model_args.se is not supported for this architecture, only for timm's ResNets (seresnet50, …)")
        }
        var result = architecture.squeezeExcitation ?? Architecture.timmSE
        if let reduction {
            guard (1...1024).contains(reduction) else { throw refused("reduction must be from 1 to 1,024, not \(reduction)") }
            result.reduction = .ratio(1 / reduction, divisor: 8)
        }
        switch squeeze {
        case nil: break
        case "avg": result.squeeze = .average
        case "max": result.squeeze = .max
        case let other?: throw refused("squeeze '\(other)' is not supported: 'avg', 'max'")
        }
        switch excitation {
        case nil: break
        case "sigmoid": result.excitation = .sigmoid
        case "relu": result.excitation = .relu
        case "tanh": result.excitation = .tanh
        case let other?: throw refused("excitation '\(other)' is not supported: 'sigmoid', 'relu', 'tanh'")
        }
        if let placement {
            guard let known = SqueezeExcitation.Placement(rawValue: placement) else {
                let words = SqueezeExcitation.Placement.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
                throw refused("placement '\(placement)' is not supported: \(words)")
            }
            guard known != .inner || architecture.block == .bottleneck else {
                throw refused("placement '3x3' needs bottleneck blocks: a basic block has two 3 × 3 convolutions")
            }
            result.placement = known
        }
        if let stages {
            let last = architecture.layers.count + 1
            guard let least = stages.min(), let most = stages.max(), least >= 2, most <= last else {
                throw refused("stages must be some of 2 to \(last), numbered as in the paper, not \(stages)")
            }
            result.stages = Set(stages.map { $0 - 2 })
        }
        return result
    }
}
