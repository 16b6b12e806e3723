/// What a part of a network costs, and which share of it is squeeze and excitation.
public struct NetworkCounts: Sendable, Equatable, Encodable {
    /// `stem`, `stage 2` to `stage 5` as the paper numbers them (conv2_x is timm's layer1), or `head`.
    public var part: String
    public var parameters = 0
    /// Of convolutions and linear layers, the gates' two layers among them.
    public var multiplyAccumulates = 0
    /// Those that the gates have.
    public var gateParameters = 0
    public var gateMultiplyAccumulates = 0
    /// What the gates take besides and `multiplyAccumulates` leaves out: an addition for each element that is squeezed, a multiplication
    /// for each that is scaled.
    public var gateElementwise = 0

    public init(part: String) { self.part = part }

    /// Of several parts together.
    public static func sum(of parts: [NetworkCounts], part: String) -> NetworkCounts {
        parts.reduce(into: NetworkCounts(part: part)) { sum, next in
            sum.parameters += next.parameters
            sum.multiplyAccumulates += next.multiplyAccumulates
            sum.gateParameters += next.gateParameters
            sum.gateMultiplyAccumulates += next.gateMultiplyAccumulates
            sum.gateElementwise += next.gateElementwise
        }
    }
}

extension Network {
    /// Counts by part, for one image of the given size. Stages are told by the names that residual networks and Inception give their
    /// modules; a network with other names is all `stem`.
    ///
    /// - Throws: `ModelError.network` if the size does not suit the network.
    public func counts(height: Int, width: Int) throws(ModelError) -> [NetworkCounts] {
        let resolved = try ResolvedNetwork(self, height: height, width: width)
        let gates = gateOperations
        let last = operations.lastIndex { $0.stage != nil } ?? operations.count
        var parts: [NetworkCounts] = []
        for (index, operation) in operations.enumerated() {
            let stage = operation.stage.map { "stage \($0)" }
            let part = stage ?? (index > last ? "head" : parts.last?.part ?? "stem")
            let place = parts.firstIndex { $0.part == part } ?? parts.endIndex
            if place == parts.endIndex { parts.append(NetworkCounts(part: part)) }
            let shape = resolved.shapes[index + 1]
            let parameters = operation.parameters.reduce(0) { $0 + ($1.isStatistic ? 0 : $1.count) }
            let multiplyAccumulates = operation.multiplyAccumulates(output: shape)
            parts[place].parameters += parameters
            parts[place].multiplyAccumulates += multiplyAccumulates
            guard gates.contains(operation.name) else { continue }
            parts[place].gateParameters += parameters
            parts[place].gateMultiplyAccumulates += multiplyAccumulates
            switch operation.kind {
            case .gate, .globalPooling: parts[place].gateElementwise += resolved.shapes[resolved.nodes[index].inputs[0]].count
            case .scale: parts[place].gateElementwise += shape.count
            default: break
            }
        }
        return parts
    }

    /// The operations of squeeze and excitation: what scales, and what makes its factors from a global pooling on.
    private var gateOperations: Set<String> {
        let made = Dictionary(operations.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var found: Set<String> = []
        for scale in operations where scale.kind == .scale {
            found.insert(scale.name)
            var value = scale.inputs[1]
            while let operation = made[value], found.insert(value).inserted {
                switch operation.kind {
                case .convolution, .batchNorm, .activation, .linear: value = operation.inputs[0]
                default: value = Network.input
                }
            }
        }
        return found
    }
}

extension Operation {
    /// The stage that the operation's name tells, numbered from 2: `layer1.0.conv1`, `stages.0.0.conv1_1x1`, `conv2_1_1x1_reduce`,
    /// `inception_3a_1x1`. Nil for the stem and the head.
    fileprivate var stage: Int? {
        for (prefix, offset) in [("layer", 1), ("stages.", 2), ("conv", 0), ("inception_", 0)] where name.hasPrefix(prefix) {
            let rest = name.dropFirst(prefix.count)
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let isStage = prefix != "conv" || rest.dropFirst(digits.count).hasPrefix("_")
            if isStage, let number = Int(digits), number < 100, number + offset >= 2 { return number + offset }
        }
        return nil
    }
}
