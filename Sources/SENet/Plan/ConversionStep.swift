import CKernels

/// The network's input, (C, H, W), in the layout that all but convolutions read.
struct ConversionStep: Step {
    let name: String
    let shape: Shape
    let input: ValueID
    let output: ValueID

    var items: Int { 1 }

    var summary: StepSummary {
        StepSummary(name: name, kind: "conversion", output: shape, algorithm: "", multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        excite_block_channels(Int32(shape.channels), Int32(shape.pixels), frame.floats(input), frame.floats(output))
    }
}
