/// `model_args` of a `config.json`: arguments that timm's model builder was given besides those that the architecture's name implies, and
/// `se`, which is this program's own.
///
/// An argument that changes the network in a way that is not supported is refused, never passed over.
// swift-format-ignore: AlwaysUseLowerCamelCase
struct ModelArguments: Decodable {
    var num_classes: Int?
    var in_chans: Int?
    private var layers: [Int]?
    private var channels: [Int]?
    private var stem_width: Int?
    private var stem_type: String?
    private var replace_stem_pool: Bool?
    private var avg_down: Bool?
    private var down_kernel_size: Int?
    private var block_reduce_first: Int?
    private var cardinality: Int?
    private var base_width: Int?
    private var aa_layer: String?
    private var act_layer: String?
    private var attention: Attention?
    private var block_args: BlockArguments?
    private var se: SEArguments?
    /// Those that change the network.
    private var structural: [Key] = []

    private struct Attention: Decodable {
        var rd_ratio: Double?
        var rd_channels: Int?
        var rd_divisor: Int?

        private enum Key: String, CodingKey { case rd_ratio, rd_channels, rd_divisor }

        init(from decoder: any Decoder) throws {
            try decoder.refuseUnknownKeys { Key(stringValue: $0) != nil }
            let values = try decoder.container(keyedBy: Key.self)
            rd_ratio = try values.decodeIfPresent(Double.self, forKey: .rd_ratio)
            rd_channels = try values.decodeIfPresent(Int.self, forKey: .rd_channels)
            rd_divisor = try values.decodeIfPresent(Int.self, forKey: .rd_divisor)
        }
    }

    private struct BlockArguments: Decodable {
        var attn_layer: String?
        var attn_kwargs: Attention?

        private enum Key: String, CodingKey { case attn_layer, attn_kwargs }

        init(from decoder: any Decoder) throws {
            try decoder.refuseUnknownKeys { Key(stringValue: $0) != nil }
            let values = try decoder.container(keyedBy: Key.self)
            attn_layer = try values.decodeIfPresent(String.self, forKey: .attn_layer)
            attn_kwargs = try values.decodeIfPresent(Attention.self, forKey: .attn_kwargs)
        }
    }

    private enum Key: String, CodingKey, CaseIterable {
        case num_classes, in_chans, layers, channels, stem_width, stem_type, replace_stem_pool, avg_down, down_kernel_size
        case block_reduce_first, cardinality, base_width, aa_layer, act_layer, block_args, attn_kwargs, se
        case global_pool, output_stride
        // Without effect on a network that only predicts, from weights that lie beside it.
        case drop_rate, drop_path_rate, drop_block_rate, drop_connect_rate, zero_init_last, zero_init_last_bn, bn_momentum
        case pretrained, pretrained_cfg, pretrained_cfg_overlay, pretrained_strict, checkpoint_path, cache_dir, scriptable, exportable,
            no_jit

        /// Those that make one network out of another.
        static let structural: Set<Key> = [
            .layers, .channels, .stem_width, .stem_type, .replace_stem_pool, .avg_down, .down_kernel_size, .block_reduce_first,
            .cardinality,
            .base_width, .aa_layer, .act_layer, .block_args, .attn_kwargs, .se,
        ]
    }

    /// Names of the arguments that make one network out of another.
    static let structuralKeys = Set(Key.structural.map(\.rawValue))

    init() {}

    init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys { Key(stringValue: $0) != nil }
        let values = try decoder.container(keyedBy: Key.self)
        func value<T: Decodable>(_ key: Key) throws -> T? { try values.decodeIfPresent(T.self, forKey: key) }
        (num_classes, in_chans) = (try value(.num_classes), try value(.in_chans))
        (layers, channels) = (try value(.layers), try value(.channels))
        (stem_width, stem_type, replace_stem_pool) = (try value(.stem_width), try value(.stem_type), try value(.replace_stem_pool))
        (avg_down, down_kernel_size) = (try value(.avg_down), try value(.down_kernel_size))
        (block_reduce_first, cardinality, base_width) = (
            try value(.block_reduce_first), try value(.cardinality), try value(.base_width)
        )
        (aa_layer, act_layer) = (try value(.aa_layer), try value(.act_layer))
        (block_args, se) = (try value(.block_args), try value(.se))
        attention = try block_args?.attn_kwargs ?? value(.attn_kwargs)
        structural = try values.allKeys.filter { try Key.structural.contains($0) && !values.decodeNil(forKey: $0) }
        func requireOnly<T: Decodable & Equatable>(_ supported: T, _ key: Key) throws {
            guard let found: T = try value(key), found != supported else { return }
            throw DecodingError.dataCorruptedError(
                forKey: key, in: values, debugDescription: "'\(found)' is not supported, only '\(supported)'")
        }
        try requireOnly("avg", .global_pool)
        try requireOnly(32, .output_stride)
    }

    /// The architecture with these arguments in place of what its name implies.
    func applied(to named: Architecture) throws(ModelError) -> Architecture {
        let foreign: [Key] =
            switch named.generation {
            case .timm: []
            case .legacy: [.aa_layer, .act_layer, .replace_stem_pool]
            case .blocks: structural
            }
        if let key = structural.first(where: foreign.contains) {
            throw .configuration(
                "config.json: model_args.\(key.rawValue) is not supported for this architecture, only for timm's ResNets (seresnet50, …)")
        }
        var architecture = named
        architecture.layers = layers ?? named.layers
        architecture.channels = channels ?? named.channels
        architecture.stemWidth = stem_width ?? named.stemWidth
        architecture.averageDown = avg_down ?? named.averageDown
        architecture.downsampleKernel = down_kernel_size ?? named.downsampleKernel
        architecture.reduceFirst = block_reduce_first ?? named.reduceFirst
        architecture.cardinality = cardinality ?? named.cardinality
        architecture.baseWidth = base_width ?? named.baseWidth
        if let replace_stem_pool { architecture.stemPooling = replace_stem_pool ? .convolution : .max }
        if let stem_type { architecture.stemType = try Self.known(stem_type, "stem_type", Self.stemTypes) }
        if let aa_layer { architecture.antialiasing = try Self.known(aa_layer, "aa_layer", Self.antialiasing) }
        if let act_layer { architecture.activation = try Self.known(act_layer, "act_layer", Self.activations) }
        architecture.squeezeExcitation = try attention(in: named)
        if let se { architecture.squeezeExcitation = try se.applied(to: architecture) }
        return architecture
    }

    private static let stemTypes = ["": Architecture.StemType.plain, "deep": .deep, "deep_tiered": .deepTiered]
    private static let antialiasing: [String: Architecture.Antialiasing?] = [
        "": nil, "avg": .average, "avgpool": .average, "blur": .blur(.reflect), "blurpool": .blur(.reflect), "blurpc": .blur(.zeros),
    ]
    private static let activations = ["relu": Activation.relu, "silu": .silu, "swish": .silu, "tanh": .tanh, "sigmoid": .sigmoid]

    private static func known<T>(_ word: String, _ key: String, _ table: [String: T]) throws(ModelError) -> T {
        if let value = table[word] { return value }
        let words = table.keys.sorted().map { "'\($0)'" }.joined(separator: ", ")
        throw .configuration("config.json: model_args.\(key) '\(word)' is not supported: \(words)")
    }

    /// What timm's own arguments say of squeeze and excitation.
    private func attention(in named: Architecture) throws(ModelError) -> SqueezeExcitation? {
        var result = named.squeezeExcitation
        if let block_args {
            switch block_args.attn_layer?.lowercased() {
            case "se": result = result ?? Architecture.timmSE
            case nil, "": result = nil
            case let other?: throw .configuration("config.json: model_args.block_args.attn_layer '\(other)' is not supported, only 'se'")
            }
        }
        guard let attention else { return result }
        guard result != nil else {
            throw .configuration("config.json: model_args has attn_kwargs, but the network has no attention layer")
        }
        if let count = attention.rd_channels {
            result?.reduction = .channels(count)
        } else {
            let divisor = attention.rd_divisor ?? 8
            let ratio = attention.rd_ratio ?? 1 / 16
            guard (1...4096).contains(divisor), (1 / 4096...16).contains(ratio) else {
                throw .configuration("config.json: attn_kwargs needs an rd_divisor from 1 to 4,096 and an rd_ratio from 1/4096 to 16")
            }
            result?.reduction = .ratio(ratio, divisor: divisor)
        }
        return result
    }
}
