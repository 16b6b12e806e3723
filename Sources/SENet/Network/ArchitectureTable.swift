extension Architecture {
    /// The published networks, by timm's names.
    public static let named: [String: Architecture] = {
        var table: [String: Architecture] = [:]
        for (name, plain) in withoutSE {
            table[name] = plain
            table["se\(name)"] = plain.with { $0.squeezeExcitation = timmSE }
            guard plain.stemType == .plain, plain.antialiasing == nil else { continue }
            table["legacy_se\(name)"] = plain.with { ($0.squeezeExcitation, $0.generation) = (SqueezeExcitation(.exact(16)), .legacy) }
        }
        let senet154 = Architecture(
            layers: [3, 8, 36, 3], cardinality: 64, baseWidth: 4, reduceFirst: 2, stemType: .deep, downsampleKernel: 3,
            squeezeExcitation: timmSE)
        table["senet154"] = senet154
        table["legacy_senet154"] = senet154.with { ($0.squeezeExcitation, $0.generation) = (SqueezeExcitation(.exact(16)), .legacy) }
        table["seresnextaa201d_32x8d"] = table["seresnextaa200d_32x8d"]?.with { ($0.layers, $0.stemWidth) = ([3, 24, 36, 4], 64) }
        for (depth, layers) in resNetRS {
            table["resnetrs\(depth)"] = Architecture(
                layers: layers, stemWidth: 32, stemType: .deep, stemPooling: .convolution, averageDown: true,
                squeezeExcitation: SqueezeExcitation(.ratio(1 / 4, divisor: 8)))
        }
        let inner = SqueezeExcitation(.ratio(1 / 16, divisor: 8), placement: .inner)
        table["seresnet33ts"] = Architecture(
            layers: [2, 3, 3, 2], channels: [64, 128, 384, 384], stemWidth: 32, stemType: .deepTiered, stemPooling: .strided,
            activation: .silu, headWidth: 1280, squeezeExcitation: inner, generation: .blocks)
        table["seresnext26ts"] = Architecture(
            layers: [2, 2, 2, 2], groupSize: 32, stemWidth: 32, stemType: .deepTiered, activation: .silu, squeezeExcitation: inner,
            generation: .blocks)
        return table
    }()

    static let timmSE = SqueezeExcitation(.ratio(1 / 16, divisor: 8))

    private static let depths: [(String, Block, [Int])] = [
        ("18", .basic, [2, 2, 2, 2]), ("34", .basic, [3, 4, 6, 3]), ("26", .bottleneck, [2, 2, 2, 2]),
        ("50", .bottleneck, [3, 4, 6, 3]), ("101", .bottleneck, [3, 4, 23, 3]), ("152", .bottleneck, [3, 8, 36, 3]),
        ("200", .bottleneck, [3, 24, 36, 3]), ("269", .bottleneck, [3, 30, 48, 8]),
    ]

    /// Bello et al., arXiv 2103.07579.
    private static let resNetRS: [(Int, [Int])] = [
        (50, [3, 4, 6, 3]), (101, [3, 4, 23, 3]), (152, [3, 8, 36, 3]), (200, [3, 24, 36, 3]), (270, [4, 29, 53, 4]),
        (350, [4, 36, 72, 4]), (420, [4, 44, 87, 4]),
    ]

    /// ResNets and ResNeXts of every depth, as they are, with a deeper stem, and with antialiasing.
    private static var withoutSE: [String: Architecture] {
        var table: [String: Architecture] = [:]
        for (depth, block, layers) in depths {
            for (infix, antialiasing) in [("", nil), ("aa", .average), ("blur", .blur(.reflect))] as [(String, Antialiasing?)] {
                let plain = Architecture(block: block, layers: layers, antialiasing: antialiasing)
                table["resnet\(infix)\(depth)"] = plain
                table["resnet\(infix)\(depth)d"] = plain.with { $0.makeD() }
                table["resnet\(infix)\(depth)t"] = plain.with { $0.makeD(stem: .deepTiered) }
                guard block == .bottleneck else { continue }
                for (cardinality, baseWidth) in [(32, 4), (32, 8), (64, 4)] {
                    let next = plain.with { ($0.cardinality, $0.baseWidth) = (cardinality, baseWidth) }
                    let suffix = "_\(cardinality)x\(baseWidth)d"
                    table["resnext\(infix)\(depth)\(suffix)"] = next
                    table["resnext\(infix)\(depth)d\(suffix)"] = next.with { $0.makeD() }
                    table["resnext\(infix)\(depth)t\(suffix)"] = next.with { $0.makeD(stem: .deepTiered) }
                }
            }
        }
        return table
    }

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

extension Architecture {
    /// What timm calls a network today that it called otherwise before 0.8; any other name as it is.
    public static func currentName(_ name: String) -> String { formerNames[name]?.name ?? name }

    /// timm's table of deprecated names (`resnet.py`), as far as the networks are known here, with the checkpoints' tags.
    static let formerNames: [String: (name: String, tag: String?)] = {
        var names: [String: (name: String, tag: String?)] = [
            "gluon_senet154": ("senet154", "gluon_in1k"), "seresnext26tn_32x4d": ("seresnext26t_32x4d", nil),
            "tv_resnext50_32x4d": ("resnext50_32x4d", "tv_in1k"), "ig_resnext101_32x8d": ("resnext101_32x8d", "fb_wsl_ig1b_ft_in1k"),
        ]
        for name in ["resnext50_32x4d", "resnext101_32x4d", "resnext101_64x4d"] {
            for name in [name, "se\(name)"] { names["gluon_\(name)"] = (name, "gluon_in1k") }
        }
        for depth in [18, 34, 50, 101, 152] { names["gluon_resnet\(depth)_v1b"] = ("resnet\(depth)", "gluon_in1k") }
        for depth in [50, 101, 152] { names["gluon_resnet\(depth)_v1d"] = ("resnet\(depth)d", "gluon_in1k") }
        for depth in [34, 50, 101, 152] { names["tv_resnet\(depth)"] = ("resnet\(depth)", "tv_in1k") }
        for name in ["resnet18", "resnet50", "resnext50_32x4d", "resnext101_32x4d", "resnext101_32x8d"] {
            names["ssl_\(name)"] = (name, "fb_ssl_yfcc100m_ft_in1k")
            names["swsl_\(name)"] = (name, "fb_swsl_ig1b_ft_in1k")
        }
        return names
    }()
}
