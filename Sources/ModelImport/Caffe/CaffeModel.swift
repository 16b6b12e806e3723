import SENet

/// A Caffe network as its file describes it: layers in order, with their blobs where the file has them.
///
/// Source of names and numbers: Caffe's `caffe.proto`, as far as a classifier needs it.
struct CaffeModel: Sendable {
    var name: String
    var layers: [CaffeLayer]
    /// Inputs declared beside the layers, as older files do, and their shapes (N, C, H, W).
    var inputs: [(name: String, shape: [Int])]

    /// Reads a binary `.caffemodel`.
    ///
    /// - Throws: `ModelError.weights` if it is damaged, or in the form that was current before 2014.
    init(binary file: InputFile) throws(ModelError) {
        try self.init(ProtobufReader.read(file, schema: .net), source: file.path)
    }

    /// Reads a `.prototxt`, which has no blobs.
    ///
    /// - Throws: `ModelError.network` if it is malformed.
    init(text bytes: [UInt8], source: String) throws(ModelError) {
        try self.init(ProtobufText.read(String(decoding: bytes, as: UTF8.self), source: source), source: source)
    }

    private init(_ net: ProtobufMessage, source: String) throws(ModelError) {
        guard !net.has("layers") else {
            throw .weights(
                "\(source): its layers are in the form that Caffe used before 2014; Caffe's upgrade_net_proto_binary brings it up to date")
        }
        guard net.has("layer") else { throw .weights("\(source): no layers; it is not a Caffe network") }
        name = net.text("name") ?? ""
        layers = net.messages("layer").filter(\.isForEvaluation).map(CaffeLayer.init)
        // What Caffe saves while it trains has the source of the training images only.
        let all = net.messages("layer").map(CaffeLayer.init)
        if !net.has("input"), !layers.contains(where: \.isSource), let source = all.first(where: \.isSource) {
            layers.insert(source, at: 0)
        }
        let sizes = net.integers("input_dim")
        let shapes = net.messages("input_shape").map { $0.integers("dim") }
        inputs = net.texts("input").enumerated().map { index, name in
            (name, index < shapes.count ? shapes[index] : Array(sizes.dropFirst(4 * index).prefix(4)))
        }
    }

    /// Gives each layer the blobs that `weights` has for the layer of that name: what Caffe does with a prototxt and a caffemodel.
    mutating func takeBlobs(from weights: CaffeModel) {
        let blobs = Dictionary(weights.layers.map { ($0.name, $0.blobs) }, uniquingKeysWith: { first, _ in first })
        for index in layers.indices { layers[index].blobs = blobs[layers[index].name] ?? [] }
    }
}

struct CaffeLayer: Sendable {
    var name: String
    var type: String
    /// The blobs that it reads, and that it makes.
    var bottoms: [String]
    var tops: [String]
    var blobs: [CaffeBlob]
    /// `convolution_param` and the like.
    var parameters: ProtobufMessage

    /// Whether it makes the network's input.
    var isSource: Bool { CaffeNetwork.sources.contains(type) }

    init(_ message: ProtobufMessage) {
        name = message.text("name") ?? ""
        type = message.text("type") ?? ""
        bottoms = message.texts("bottom")
        tops = message.texts("top")
        blobs = message.messages("blobs").map(CaffeBlob.init)
        parameters = message
    }
}

/// Trained values of a layer, left in the file.
struct CaffeBlob: Sendable {
    var shape: [Int]
    var elementType: SafeTensors.ElementType
    /// Of the values' bytes in the file, in order.
    var ranges: [Range<Int>]

    init(_ message: ProtobufMessage) {
        let doubles = message.ranges("double_data")
        (elementType, ranges) = doubles.isEmpty ? (.float32, message.ranges("data")) : (.float64, doubles)
        // Older files have four sizes in place of a shape.
        let sizes = ["num", "channels", "height", "width"].compactMap { message.integer($0) }
        shape = message.has("shape") ? message.message("shape").integers("dim") : sizes
    }

    var count: Int { ranges.reduce(0) { $0 + $1.count } / elementType.byteCount }
}

extension ProtobufMessage {
    /// Whether a layer belongs to the network that is evaluated: not marked for training only.
    fileprivate var isForEvaluation: Bool {
        let included = messages("include").compactMap { $0.text("phase") }
        return (included.isEmpty || included.contains("TEST")) && !messages("exclude").contains { $0.text("phase") == "TEST" }
    }
}

extension ProtobufSchema {
    fileprivate static let shape = ProtobufSchema([(1, "dim", .integer)])
    private static let blob = ProtobufSchema([
        (1, "num", .integer), (2, "channels", .integer), (3, "height", .integer), (4, "width", .integer), (5, "data", .bytes),
        (7, "shape", .message(shape)), (8, "double_data", .bytes),
    ])
    private static let rule = ProtobufSchema([(1, "phase", .enumeration(["TRAIN", "TEST"]))])
    private static let convolution = ProtobufSchema([
        (1, "num_output", .integer), (2, "bias_term", .integer), (3, "pad", .integer), (4, "kernel_size", .integer),
        (5, "group", .integer), (6, "stride", .integer), (9, "pad_h", .integer), (10, "pad_w", .integer), (11, "kernel_h", .integer),
        (12, "kernel_w", .integer), (13, "stride_h", .integer), (14, "stride_w", .integer), (16, "axis", .integer),
        (18, "dilation", .integer),
    ])
    private static let pooling = ProtobufSchema([
        (1, "pool", .enumeration(["MAX", "AVE", "STOCHASTIC"])), (2, "kernel_size", .integer), (3, "stride", .integer),
        (4, "pad", .integer), (5, "kernel_h", .integer), (6, "kernel_w", .integer), (7, "stride_h", .integer),
        (8, "stride_w", .integer), (9, "pad_h", .integer), (10, "pad_w", .integer), (12, "global_pooling", .integer),
        (13, "round_mode", .enumeration(["CEIL", "FLOOR"])),
    ])
    private static let layer = ProtobufSchema([
        (1, "name", .text), (2, "type", .text), (3, "bottom", .text), (4, "top", .text), (7, "blobs", .message(blob)),
        (8, "include", .message(rule)), (9, "exclude", .message(rule)),
        (100, "transform_param", .message(ProtobufSchema([(3, "crop_size", .integer)]))),
        (104, "concat_param", .message(ProtobufSchema([(1, "concat_dim", .integer), (2, "axis", .integer)]))),
        (106, "convolution_param", .message(convolution)),
        (
            110, "eltwise_param",
            .message(ProtobufSchema([(1, "operation", .enumeration(["PROD", "SUM", "MAX"])), (2, "coeff", .real)]))
        ),
        (
            117, "inner_product_param",
            .message(
                ProtobufSchema([(1, "num_output", .integer), (2, "bias_term", .integer), (5, "axis", .integer), (6, "transpose", .integer)])
            )
        ),
        (121, "pooling_param", .message(pooling)),
        (123, "relu_param", .message(ProtobufSchema([(1, "negative_slope", .real)]))),
        (
            133, "reshape_param",
            .message(ProtobufSchema([(1, "shape", .message(shape)), (2, "axis", .integer), (3, "num_axes", .integer)]))
        ),
        (139, "batch_norm_param", .message(ProtobufSchema([(3, "eps", .real)]))),
        (142, "scale_param", .message(ProtobufSchema([(1, "axis", .integer), (2, "num_axes", .integer), (4, "bias_term", .integer)]))),
        (143, "input_param", .message(ProtobufSchema([(1, "shape", .message(shape))]))),
    ])
    /// `NetParameter`.
    fileprivate static let net = ProtobufSchema([
        (1, "name", .text), (2, "layers", .bytes), (3, "input", .text), (4, "input_dim", .integer), (8, "input_shape", .message(shape)),
        (100, "layer", .message(layer)),
    ])
}
