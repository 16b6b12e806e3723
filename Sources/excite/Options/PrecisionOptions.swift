import ArgumentParser
import SENet

extension Precision: ExpressibleByArgument {}

/// `--precision`, for every command that computes.
struct PrecisionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            What the network is computed in: f32, bf16 or int8. (default: what the model's folder is made for: int8 where excite quantize \
            made it, else f32)
            """,
            discussion: """
                bf16 is made from float32 weights while the model loads, and needs a CPU with AVX-512 BF16 or Arm's BF16. int8 needs a folder \
                that excite quantize made. An answer's precision is always the one that was asked for: what cannot be had is refused.
                """))
    var precision: Precision?

    /// `--precision`, or its environment variable; nil for what the folder is made for.
    var chosen: Precision? { precision ?? environment("precision") }
}
