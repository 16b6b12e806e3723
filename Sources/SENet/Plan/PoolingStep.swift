import CKernels

/// Max or average pooling.
struct PoolingStep: Step {
    let name: String
    let shape: excite_pooling
    let input: ValueID
    let output: ValueID

    private var outputShape: Shape {
        Shape(channels: Int(shape.channels), height: Int(shape.output_height), width: Int(shape.output_width))
    }
    private var parts: ImageParts { ImageParts(outputShape) }
    var items: Int { parts.items }

    var summary: StepSummary {
        StepSummary(
            name: name, kind: "\(shape.average ? "average" : "max") pool \(shape.kernel)×\(shape.kernel)", output: outputShape,
            algorithm: "", multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        var shape = shape
        var tile = parts.tile(of: item)
        frame.kernels.pointee.pool(&shape, &tile, frame.floats(input), frame.floats(output))
    }
}

/// Blur pooling.
struct BlurPoolingStep: Step {
    let name: String
    let shape: excite_blurring
    let input: ValueID
    let output: ValueID

    private var outputShape: Shape {
        Shape(channels: Int(shape.channels), height: Int(shape.output_height), width: Int(shape.output_width))
    }
    private var parts: ImageParts { ImageParts(outputShape) }
    var items: Int { parts.items }

    var summary: StepSummary {
        StepSummary(name: name, kind: "blur pool 3×3", output: outputShape, algorithm: "", multiplyAccumulates: 0)
    }

    func run(_ item: Int, in frame: Frame) {
        var shape = shape
        var tile = parts.tile(of: item)
        frame.kernels.pointee.blur(&shape, &tile, frame.floats(input), frame.floats(output))
    }
}
