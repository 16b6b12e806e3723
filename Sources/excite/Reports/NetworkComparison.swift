import ArgumentParser
import FoundationEssentials
import ModelHub
import SENet

/// What several networks cost, beside each other: `inspect --compare`.
struct NetworkComparison: Encodable {
    struct Row: Encodable {
        var name: String
        var input: [Int]
        var parts: [NetworkCounts]
        var total: NetworkCounts
    }

    var networks: [Row] = []

    /// - Parameter texts: each a model, settings of `model_args.se` for `model`, or both: `seresnet50,reduction=8,stages=2+3`.
    init(_ texts: [String], model: () throws -> ModelSource, in models: ModelsFolder, size: InputSize?) throws {
        for text in texts {
            let configuration = try Self.configuration(text, model: model, in: models)
            let (height, width) = (size?.height ?? configuration.evaluation.height, size?.width ?? configuration.evaluation.width)
            let network = configuration.network
            let parts = try network.counts(height: height, width: width)
            networks.append(
                Row(name: text, input: [network.inputChannels, height, width], parts: parts, total: .sum(of: parts, part: "in all")))
        }
    }

    private static func configuration(
        _ text: String, model: () throws -> ModelSource, in models: ModelsFolder
    ) throws -> Configuration {
        var settings: [String: Setting] = [:]
        var source: ModelSource?
        for field in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = field.split(separator: "=", maxSplits: 1).map(String.init)
            switch (pair.first, pair.count) {
            case (let name?, 1) where source == nil: source = try ModelOptions.source(name, in: models)
            case ("stages"?, 2): settings["stages"] = .list(pair[1].split(separator: "+").map { Setting($0) })
            case (let key?, 2): settings[key] = Setting(pair[1][...])
            default:
                throw ValidationError("'\(field)' in '\(text)': one model, and reduction=N, squeeze, excitation, placement, stages=2+3.")
            }
        }
        let configuration = try (source ?? model()).configuration
        return settings.isEmpty
            ? configuration : try configuration.with(squeezeExcitation: JSONEncoder().encode(settings))
    }

    /// A number, or else a text, or several of them.
    private indirect enum Setting: Encodable {
        case number(Int)
        case text(String)
        case list([Setting])

        init(_ text: Substring) { self = Int(text).map(Setting.number) ?? .text(String(text)) }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .number(let number): try container.encode(number)
            case .text(let text): try container.encode(text)
            case .list(let settings): try container.encode(settings)
            }
        }
    }

    var text: String {
        """
        \(totals)

        \(stages)

        SE adds: the gates' two layers, as a share of the rest. With squeeze and scale: and an addition for each element that is squeezed, a \
        multiplication for each that is scaled. M: millions; G: thousands of millions, for one image.
        In all, figures are rounded up, as in the paper's tables. "As rounded" compares them: the paper's 0.26 % is 3.87 G over 3.86 G, which \
        legacy_seresnet50 has, with its strides as the authors'.
        """
    }

    private var totals: String {
        var table = TextTable(columns: [
            .left("network"), .right("input"), .right("parameters"), .right("without SE"), .right("SE adds"),
            .right("multiply-accumulates"), .right("without SE"), .right("SE adds"), .right("as rounded"),
            .right("with squeeze and scale"),
        ])
        for network in networks {
            let total = network.total
            let (parameters, plainParameters) = (total.parameters, total.parameters - total.gateParameters)
            let (products, plainProducts) = (total.multiplyAccumulates, total.multiplyAccumulates - total.gateMultiplyAccumulates)
            // In hundred thousands and in ten millions.
            let (rounded, plainRounded) = (products.roundedUp(by: 10_000_000), plainProducts.roundedUp(by: 10_000_000))
            table.rows.append([
                network.name, network.input.map(String.init).joined(separator: "×"),
                parameters.roundedUp(by: 100_000).formatted(unit: 1e6, decimals: 1, "M"),
                plainParameters.roundedUp(by: 100_000).formatted(unit: 1e6, decimals: 1, "M"),
                Self.share(total.gateParameters, on: plainParameters),
                rounded.formatted(unit: 1e9, decimals: 2, "G"), plainRounded.formatted(unit: 1e9, decimals: 2, "G"),
                Self.share(total.gateMultiplyAccumulates, on: plainProducts),
                total.gateElementwise == 0 ? "" : Self.share(rounded - plainRounded, on: plainRounded),
                Self.share(total.gateMultiplyAccumulates + total.gateElementwise, on: plainProducts),
            ])
        }
        return table.text
    }

    private var stages: String {
        var table = TextTable(columns: [
            .left("network"), .left("part"), .right("parameters"), .right("of SE"), .right("SE adds"), .right("multiply-accumulates"),
            .right("of SE"), .right("SE adds"), .right("with squeeze and scale"),
        ])
        for network in networks {
            for (index, part) in network.parts.enumerated() {
                let plainProducts = part.multiplyAccumulates - part.gateMultiplyAccumulates
                table.rows.append([
                    index == 0 ? network.name : "", part.part, part.parameters.formatted(unit: 1e6, decimals: 3, "M"),
                    part.gateParameters == 0 ? "" : part.gateParameters.formatted(unit: 1e6, decimals: 3, "M"),
                    Self.share(part.gateParameters, on: part.parameters - part.gateParameters),
                    part.multiplyAccumulates.formatted(unit: 1e9, decimals: 4, "G"),
                    part.gateMultiplyAccumulates == 0 ? "" : part.gateMultiplyAccumulates.formatted(unit: 1e6, decimals: 3, "M"),
                    Self.share(part.gateMultiplyAccumulates, on: plainProducts),
                    Self.share(part.gateMultiplyAccumulates + part.gateElementwise, on: plainProducts),
                ])
            }
        }
        return table.text
    }

    private static func share(_ added: Int, on rest: Int) -> String {
        added == 0 ? "" : "+\((100 * Double(added) / Double(max(1, rest))).formatted(decimals: 2)) %"
    }
}

extension Int {
    /// The next multiple.
    fileprivate func roundedUp(by unit: Int) -> Int { (self + unit - 1) / unit * unit }

    fileprivate func formatted(unit: Double, decimals: Int, _ name: String) -> String {
        "\((Double(self) / unit).formatted(decimals: decimals)) \(name)"
    }
}
