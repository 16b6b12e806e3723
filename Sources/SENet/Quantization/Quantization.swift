/// How a network's images and weights were made into 8-bit integers: `quantization` in `config.json`.
///
/// A convolution that is not in `float32` has, instead of its own tensors and those of the batch norm that follows it, `NAME.weight` (I8, the
/// shape as ever), `NAME.weight_scale` (F32, one an output channel) and `NAME.bias` (F32, likewise):
/// y = weight_scale * sum(weight * (q - zero)) + bias over the codes q of its input.
public struct Quantization: Sendable, Equatable, Codable {
    /// Of each image that is kept as codes, by the name of the operation that makes it; of the network's input by `Network.input`.
    public var values: [String: LinearCode]
    /// The convolutions that stay in float32, with their own tensors.
    public var float32: [String]
    /// How it was made and what it was measured to lose; nothing of it is needed to compute.
    public var report: QuantizationReport?

    public init(values: [String: LinearCode], float32: [String] = [], report: QuantizationReport? = nil) {
        self.values = values
        self.float32 = float32
        self.report = report
    }

    /// What computing needs.
    var withoutReport: Quantization { Quantization(values: values, float32: float32) }

    private enum CodingKeys: String, CodingKey {
        case precision, values, float32, report
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        guard try container.decode(Precision.self, forKey: .precision) == .int8 else {
            throw DecodingError.dataCorruptedError(forKey: .precision, in: container, debugDescription: "must be int8")
        }
        values = try container.decode([String: LinearCode].self, forKey: .values)
        float32 = try container.decodeIfPresent([String].self, forKey: .float32) ?? []
        report = try container.decodeIfPresent(QuantizationReport.self, forKey: .report)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Precision.int8, forKey: .precision)
        try container.encode(values, forKey: .values)
        try container.encode(float32, forKey: .float32)
        try container.encodeIfPresent(report, forKey: .report)
    }
}

/// What was measured when a network was quantised.
public struct QuantizationReport: Sendable, Equatable, Codable {
    /// Images that the scales were found with, and images kept aside on which the rest was measured.
    public var calibrationImages: Int
    public var heldOutImages: Int
    /// Shares of the images kept aside on which the first label, and the set of the first five, are those of float32.
    public var firstLabelAgreement: Double?
    public var fiveLabelsAgreement: Double?
    /// Shares of the images kept aside whose class was the first, or among the first five, where the classes are known.
    public var float32Top1: Double?
    public var float32Top5: Double?
    public var int8Top1: Double?
    public var int8Top5: Double?

    private enum CodingKeys: String, CodingKey {
        case calibrationImages = "calibration_images"
        case heldOutImages = "held_out_images"
        case firstLabelAgreement = "first_label_agreement"
        case fiveLabelsAgreement = "five_labels_agreement"
        case float32Top1 = "float32_top1"
        case float32Top5 = "float32_top5"
        case int8Top1 = "int8_top1"
        case int8Top5 = "int8_top5"
    }

    public init(
        calibrationImages: Int, heldOutImages: Int, firstLabelAgreement: Double? = nil, fiveLabelsAgreement: Double? = nil
    ) {
        self.calibrationImages = calibrationImages
        self.heldOutImages = heldOutImages
        self.firstLabelAgreement = firstLabelAgreement
        self.fiveLabelsAgreement = fiveLabelsAgreement
    }
}

/// What the codes 0 to 255 stand for: scale * (code - zero).
public struct LinearCode: Sendable, Equatable, Codable {
    /// One, or one a channel.
    public var scale: [Float]
    /// From 0 to 255; one, or one a channel for the network's input.
    public var zero: [Float]

    public init(scale: [Float], zero: [Float]) {
        self.scale = scale
        self.zero = zero
    }

    private enum CodingKeys: String, CodingKey {
        case scale, zero
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        // As doubles: what is too large for a float is refused with its value's name, not as a text that is not JSON.
        func numbers(_ key: CodingKeys) throws -> [Float] {
            do {
                return try container.decode([Double].self, forKey: key).map { Float($0) }
            } catch DecodingError.typeMismatch(_, let context) where context.codingPath.count == container.codingPath.count + 1 {
                return [Float(try container.decode(Double.self, forKey: key))]
            }
        }
        (scale, zero) = (try numbers(.scale), try numbers(.zero))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        func encode(_ numbers: [Float], _ key: CodingKeys) throws {
            if numbers.count == 1 { try container.encode(numbers[0], forKey: key) } else { try container.encode(numbers, forKey: key) }
        }
        try encode(scale, .scale)
        try encode(zero, .zero)
    }

    func scale(of channel: Int) -> Float { scale.count == 1 ? scale[0] : scale[channel] }
    func zero(of channel: Int) -> Float { zero.count == 1 ? zero[0] : zero[channel] }

    /// - Parameter isInput: whether it is the network's input, whose channels may have zeros of their own, between codes.
    /// - Throws: `ModelError.configuration` naming the value and what is wrong.
    func validate(_ name: String, channels: Int, isInput: Bool) throws(ModelError) {
        func refuse(_ what: String) -> ModelError { .configuration("config.json: quantization.values.\(name): \(what)") }
        guard scale.count == 1 || scale.count == channels else {
            throw refuse("\(scale.count) scales for \(channels) channels: there must be one, or one a channel")
        }
        // Within these bounds every product of scales is a normal number.
        if let wrong = scale.first(where: { !(1e-12...1e12).contains($0) }) {
            throw refuse("a scale of \(wrong): it must be from 1e-12 to 1e12")
        }
        guard zero.count == 1 || isInput && zero.count == channels else {
            throw refuse("\(zero.count) zeros for \(channels) channels: there must be one\(isInput ? ", or one a channel" : "")")
        }
        if let wrong = zero.first(where: { !(0...255).contains($0) }) { throw refuse("a zero of \(wrong): it must be from 0 to 255") }
        if !isInput, let wrong = zero.first(where: { $0 != $0.rounded() }) { throw refuse("a zero of \(wrong): it must be a whole number") }
    }
}
