/// What a network is computed in. An answer's precision is always the one that was asked for.
public enum Precision: String, Sendable, Codable, CaseIterable {
    /// Every number.
    case float32 = "f32"
    /// Images, and the weights that they are multiplied with, in bfloat16; sums and vectors in float32.
    case bfloat16 = "bf16"
    /// Images in 8 bits, with the scales that `excite quantize` found, and weights in 8 bits; sums in 32 bits, vectors in float32.
    case int8
}
