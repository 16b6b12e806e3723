/// Squeeze and excitation in a network's blocks (Hu et al., arXiv 1709.01507): the published kind, and those that section 6 of the paper tries.
public struct SqueezeExcitation: Sendable, Equatable {
    /// The width of a gate's hidden layer.
    public enum Reduction: Sendable, Equatable {
        /// `channels * ratio`, rounded to a multiple of `divisor` (timm's `make_divisible`).
        case ratio(Double, divisor: Int)
        /// `channels / reduction`, rounded down (the authors' networks).
        case exact(Int)
        case channels(Int)
    }

    /// Where in a block.
    public enum Placement: String, Sendable, CaseIterable {
        /// On the residual branch, after its last batch norm.
        case standard
        /// On the block's input, before the residual branch; the shortcut takes the input as it is.
        case pre
        /// After the sum and its activation.
        case post
        /// On the shortcut, after its projection.
        case identity
        /// In the branch, after the 3 × 3 convolution and its activation.
        case inner = "3x3"
    }

    public var reduction: Reduction
    public var squeeze = Pooling.Operator.average
    public var excitation = Activation.sigmoid
    public var placement = Placement.standard
    /// The stages that have it, from 0; nil for all.
    public var stages: Set<Int>?

    public init(_ reduction: Reduction, placement: Placement = .standard) {
        self.reduction = reduction
        self.placement = placement
    }

    /// Rounds to the nearest multiple of a divisor, never to zero.
    func gate(channels: Int) -> Gate {
        let hidden =
            switch reduction {
            case .ratio(let ratio, let divisor): max(divisor, Int(Double(channels) * ratio + Double(divisor) / 2) / divisor * divisor)
            case .exact(let reduction): channels / reduction
            case .channels(let count): count
            }
        return Gate(channels: channels, hidden: hidden, squeeze: squeeze, excitation: excitation)
    }

    func isIn(stage: Int) -> Bool { stages?.contains(stage) ?? true }
}
