/// `model_args` of a `config.json`: arguments that timm's model builder was given besides those that the architecture's name implies.
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
    private var avg_down: Bool?
    private var cardinality: Int?
    private var base_width: Int?
    private var attention: Attention?
    private var attention_layer: String?
    private var hasBlockArguments = false

    private struct Attention: Decodable {
        var rd_ratio: Double?
        var rd_channels: Int?
        var rd_divisor: Int?
    }

    private enum Key: String, CodingKey, CaseIterable {
        case num_classes, in_chans, layers, channels, stem_width, stem_type, avg_down, cardinality, base_width, block_args, attn_kwargs
        case global_pool, output_stride
        // Without effect on a network that only predicts.
        case drop_rate, drop_path_rate, drop_block_rate, zero_init_last
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

    init() {}

    init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys { Key(stringValue: $0) != nil }
        let values = try decoder.container(keyedBy: Key.self)
        num_classes = try values.decodeIfPresent(Int.self, forKey: .num_classes)
        in_chans = try values.decodeIfPresent(Int.self, forKey: .in_chans)
        layers = try values.decodeIfPresent([Int].self, forKey: .layers)
        channels = try values.decodeIfPresent([Int].self, forKey: .channels)
        stem_width = try values.decodeIfPresent(Int.self, forKey: .stem_width)
        stem_type = try values.decodeIfPresent(String.self, forKey: .stem_type)
        avg_down = try values.decodeIfPresent(Bool.self, forKey: .avg_down)
        cardinality = try values.decodeIfPresent(Int.self, forKey: .cardinality)
        base_width = try values.decodeIfPresent(Int.self, forKey: .base_width)
        attention = try values.decodeIfPresent(Attention.self, forKey: .attn_kwargs)
        if values.contains(.block_args), try !values.decodeNil(forKey: .block_args) {
            let block = try values.decode(BlockArguments.self, forKey: .block_args)
            hasBlockArguments = true
            attention_layer = block.attn_layer
            attention = block.attn_kwargs ?? attention
        }
        if let pool = try values.decodeIfPresent(String.self, forKey: .global_pool), pool != "avg" {
            throw DecodingError.dataCorruptedError(
                forKey: .global_pool, in: values, debugDescription: "'\(pool)' is not supported, only 'avg'")
        }
        if let stride = try values.decodeIfPresent(Int.self, forKey: .output_stride), stride != 32 {
            throw DecodingError.dataCorruptedError(
                forKey: .output_stride, in: values, debugDescription: "\(stride) is not supported, only 32")
        }
    }

    /// The architecture with these arguments in place of what its name implies.
    func applied(to named: Architecture) throws(ModelError) -> Architecture {
        var architecture = named
        architecture.layers = layers ?? named.layers
        architecture.channels = channels ?? named.channels
        architecture.stemWidth = stem_width ?? named.stemWidth
        architecture.averageDown = avg_down ?? named.averageDown
        architecture.cardinality = cardinality ?? named.cardinality
        architecture.baseWidth = base_width ?? named.baseWidth
        if let stem_type {
            guard let type = Architecture.StemType(rawValue: stem_type) else {
                throw .configuration("config.json: model_args.stem_type '\(stem_type)' is not supported: '', 'deep' or 'deep_tiered'")
            }
            architecture.stemType = type
        }
        if hasBlockArguments {
            switch attention_layer?.lowercased() {
            case "se": architecture.squeezeExcitation = named.squeezeExcitation ?? .ratio(1 / 16, divisor: 8)
            case nil, "": architecture.squeezeExcitation = nil
            case let other?: throw .configuration("config.json: model_args.block_args.attn_layer '\(other)' is not supported, only 'se'")
            }
        }
        if let attention {
            guard architecture.squeezeExcitation != nil else {
                throw .configuration("config.json: model_args has attn_kwargs, but the network has no attention layer")
            }
            if let count = attention.rd_channels {
                architecture.squeezeExcitation = .channels(count)
            } else {
                let divisor = attention.rd_divisor ?? 8
                guard divisor > 0, let ratio = Optional(attention.rd_ratio ?? 1 / 16), ratio > 0, ratio <= 16 else {
                    throw .configuration("config.json: attn_kwargs needs a positive rd_divisor and an rd_ratio above 0 and at most 16")
                }
                architecture.squeezeExcitation = .ratio(ratio, divisor: divisor)
            }
        }
        return architecture
    }
}
