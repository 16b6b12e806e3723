/// What distinguishes one residual network from another: a row of data, not a class. Defaults are timm's.
public struct Architecture: Sendable, Equatable {
    public enum Block: String, Sendable {
        /// Two 3 × 3 convolutions.
        case basic
        /// 1 × 1, 3 × 3 (grouped in ResNeXt), 1 × 1 to four times the channels.
        case bottleneck

        var expansion: Int { self == .basic ? 1 : 4 }
    }

    public enum StemType: String, Sendable {
        /// One 7 × 7 convolution.
        case plain = ""
        /// Three 3 × 3 convolutions.
        case deep
        /// The same, the first of them narrower.
        case deepTiered = "deep_tiered"
    }

    /// What halves the image after the stem's convolutions.
    public enum StemPooling: Sendable {
        case max
        /// A 3 × 3 convolution with a stride (ResNet-RS).
        case convolution
        /// The stem's last convolution itself.
        case strided
    }

    /// Pooling in place of a 3 × 3 convolution's stride, and in the stem (Zhang, arXiv 1904.11486); timm's `aa_layer`.
    public enum Antialiasing: Sendable, Equatable {
        case average
        case blur(BlurPooling.Padding)
    }

    /// Generations of checkpoints, which differ in the names of their tensors: timm's own ResNets; those that the authors trained with Caffe,
    /// which differ in where the stride is and in the stem's pooling too; and timm's networks of blocks (`byobnet.py`).
    public enum Generation: Sendable {
        case timm
        case legacy
        case blocks
    }

    public var block = Block.bottleneck
    /// Blocks in each stage.
    public var layers: [Int]
    /// Channels of each stage, before a bottleneck's expansion.
    public var channels = [64, 128, 256, 512]
    /// Groups of a bottleneck's 3 × 3 convolution.
    public var cardinality = 1
    /// Channels of a group are `channels * baseWidth / 64`.
    public var baseWidth = 64
    /// Channels of a group in every stage, where it is they that are the same and not the groups.
    public var groupSize: Int?
    /// The first 1 × 1 of a bottleneck is this much narrower than the stage (SENet-154).
    public var reduceFirst = 1
    public var stemWidth = 64
    public var stemType = StemType.plain
    public var stemPooling = StemPooling.max
    public var antialiasing: Antialiasing?
    /// The shortcut is pooled before its projection (ResNet-D).
    public var averageDown = false
    /// The kernel of a projection with a stride.
    public var downsampleKernel = 1
    public var activation = Activation.relu
    /// Channels of a 1 × 1 convolution before the classifier.
    public var headWidth: Int?
    /// Nil for a network without squeeze and excitation.
    public var squeezeExcitation: SqueezeExcitation?
    public var generation = Generation.timm

    /// Groups and channels of a bottleneck's 3 × 3 convolution.
    func width(planes: Int) -> (groups: Int, channels: Int) {
        if let groupSize { return (planes / groupSize, planes) }
        return (cardinality, planes * baseWidth / 64 * cardinality)
    }
}
