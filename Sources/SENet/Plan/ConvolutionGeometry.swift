import CKernels

/// A convolution's shape, and the items that its work is split into: bands of rows, and in each groups of blocks of channels.
struct ConvolutionGeometry: Sendable {
    let shape: excite_convolution
    let choice: AlgorithmChoice

    var outputShape: Shape {
        Shape(channels: Int(shape.outputs), height: Int(shape.output_height), width: Int(shape.output_width))
    }
    var bands: Int { outputShape.height.dividedRoundingUp(by: choice.rows) }
    var items: Int { bands * outputShape.blocks.dividedRoundingUp(by: choice.blocks) }

    /// Products that are summed to one output element.
    var taps: Int { Int(shape.channels / shape.groups * shape.kernel_height * shape.kernel_width) }

    /// Weights, against elements of input and output of one image.
    var isWeightBound: Bool {
        let inputCount = Int(shape.channels * shape.height * shape.width)
        return Int(shape.outputs) * taps > inputCount + outputShape.count
    }

    func band(of item: Int) -> Int { item % bands }

    func tile(of item: Int) -> excite_tile {
        let (band, group) = (item % bands, item / bands)
        return excite_tile(
            row: Int32(band * choice.rows), rows: Int32(min(choice.rows, outputShape.height - band * choice.rows)),
            block: Int32(group * choice.blocks), blocks: Int32(min(choice.blocks, outputShape.blocks - group * choice.blocks)))
    }

    func summary(_ name: String, algorithm: String, precision: Precision) -> StepSummary {
        let groups = shape.groups > 1 ? ", \(shape.groups) groups" : ""
        let stride = shape.stride > 1 ? ", stride \(shape.stride)" : ""
        return StepSummary(
            name: name, kind: "convolution \(shape.kernel_height)×\(shape.kernel_width)\(stride)\(groups)", output: outputShape,
            algorithm: algorithm, precision: precision, multiplyAccumulates: outputShape.count * taps)
    }
}
