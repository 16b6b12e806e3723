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

    /// The width of a gate's hidden layer.
    public enum Reduction: Sendable, Equatable {
        /// `channels * ratio`, rounded to a multiple of `divisor` (timm's `make_divisible`).
        case ratio(Double, divisor: Int)
        /// `channels / reduction`, rounded down (the authors' networks).
        case exact(Int)
        case channels(Int)
    }

    /// Two generations of checkpoints: timm's own networks, and those that the authors trained with Caffe, which differ in names, in where
    /// the stride is, and in the stem's pooling.
    public enum Generation: Sendable {
        case timm
        case legacy
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
    public var stemWidth = 64
    public var stemType = StemType.plain
    /// The shortcut is pooled before its projection (ResNet-D).
    public var averageDown = false
    /// Nil for a network without squeeze and excitation.
    public var squeezeExcitation: Reduction?
    public var generation = Generation.timm

    /// Rounds to the nearest multiple of `divisor`, never to zero.
    func hiddenWidth(channels: Int) -> Int? {
        switch squeezeExcitation {
        case nil: nil
        case .ratio(let ratio, let divisor): max(divisor, Int(Double(channels) * ratio + Double(divisor) / 2) / divisor * divisor)
        case .exact(let reduction): channels / reduction
        case .channels(let count): count
        }
    }
}

extension Architecture {
    /// The published networks, by timm's names.
    public static let named: [String: Architecture] = {
        let depths: [(String, Block, [Int])] = [
            ("18", .basic, [2, 2, 2, 2]), ("34", .basic, [3, 4, 6, 3]), ("26", .bottleneck, [2, 2, 2, 2]),
            ("50", .bottleneck, [3, 4, 6, 3]), ("101", .bottleneck, [3, 4, 23, 3]), ("152", .bottleneck, [3, 8, 36, 3]),
            ("200", .bottleneck, [3, 24, 36, 3]), ("269", .bottleneck, [3, 30, 48, 8]),
        ]
        var table: [String: Architecture] = [:]
        for (depth, block, layers) in depths {
            let plain = Architecture(block: block, layers: layers)
            table["resnet\(depth)"] = plain
            table["resnet\(depth)d"] = plain.with { $0.makeD() }
            table["resnet\(depth)t"] = plain.with { $0.makeD(stem: .deepTiered) }
            guard block == .bottleneck else { continue }
            for (cardinality, baseWidth) in [(32, 4), (32, 8), (64, 4)] {
                let next = plain.with { ($0.cardinality, $0.baseWidth) = (cardinality, baseWidth) }
                let suffix = "_\(cardinality)x\(baseWidth)d"
                table["resnext\(depth)\(suffix)"] = next
                table["resnext\(depth)d\(suffix)"] = next.with { $0.makeD() }
                table["resnext\(depth)t\(suffix)"] = next.with { $0.makeD(stem: .deepTiered) }
            }
        }
        for (name, plain) in table {
            table["se\(name)"] = plain.with { $0.squeezeExcitation = .ratio(1 / 16, divisor: 8) }
            guard plain.stemType == .plain else { continue }
            table["legacy_se\(name)"] = plain.with { ($0.squeezeExcitation, $0.generation) = (.exact(16), .legacy) }
        }
        return table
    }()

    private func with(_ change: (inout Architecture) -> Void) -> Architecture {
        var copy = self
        change(&copy)
        return copy
    }

    /// ResNet-D: a stem of three 3 × 3 convolutions and a pooled shortcut (He et al., arXiv 1812.01187).
    private mutating func makeD(stem: StemType = .deep) {
        (stemWidth, stemType, averageDown) = (32, stem, true)
    }
}
