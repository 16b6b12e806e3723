/// Where in an image a class is seen: the class activation map, the classifier's weights of the class over the last feature map (Zhou et al.
/// 2016, arXiv 1512.04150, section 2). The mean of its values and the bias make the class's logit.
public struct ClassMap: Sendable, Equatable {
    /// The class: its place among the logits.
    public let index: Int
    public let height: Int
    public let width: Int
    /// (height, width), row-major.
    public let values: [Float]
    /// The classifier's, for the class.
    public let bias: Float
}

extension ClassMap {
    /// - Parameters:
    ///   - value: the last feature map, whose elements lie at `bytes`.
    ///   - weights: the classifier's for the class, one a channel.
    init(_ index: Int, of value: Value, at bytes: UnsafeRawPointer, weights: [Float], bias: Float) {
        var sums = [Double](repeating: 0, count: value.shape.pixels)
        value.forEachChannel(at: bytes) { channel, numbers in
            for (pixel, number) in numbers.enumerated() { sums[pixel] += Double(weights[channel]) * Double(number) }
        }
        self.init(
            index: index, height: value.shape.height, width: value.shape.width, values: sums.map { Float($0) }, bias: bias)
    }
}
