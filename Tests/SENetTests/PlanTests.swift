import Testing

@testable import SENet

@Suite("A plan")
struct PlanTests {
    @Test("gives values that live at the same time different memory, and others the same")
    func memory() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<100 {
            let values = (0..<30).map { index in
                let first = Int.random(in: 0..<40, using: &random)
                return MemoryPlan.Value(
                    name: "v\(index)", count: Int.random(in: 1...500, using: &random), first: first,
                    last: first + Int.random(in: 0...6, using: &random))
            }
            let plan = MemoryPlan(values)
            for a in values {
                for b in values where a.name < b.name && a.first <= b.last && b.first <= a.last {
                    guard let x = plan.offsets[a.name], let y = plan.offsets[b.name] else { return #expect(Bool(false), "not placed") }
                    #expect(x + a.count <= y || y + b.count <= x, "\(a) at \(x) and \(b) at \(y)")
                }
            }
            // Never less than what lives at once; and all of it is inside.
            let peak = (0..<50).map { step in values.filter { $0.first <= step && step <= $0.last }.reduce(0) { $0 + $1.count } }.max() ?? 0
            #expect(plan.count >= peak)
            #expect(values.allSatisfy { (plan.offsets[$0.name] ?? .max) + $0.count <= plan.count })
        }
        let one = MemoryPlan([.init(name: "a", count: 64, first: 0, last: 1), .init(name: "b", count: 64, first: 2, last: 3)])
        #expect(one.count == 64)
    }

    @Test("of SE-ResNet-50 passes over memory as rarely as its kernels can")
    func fusion() throws {
        let fused = try Fusion.fuse(Configuration(architecture: "seresnet50").network)
        // 53 convolutions, a max pool, three passes for each of 16 SE blocks, the sums for the classifier, and the classifier.
        #expect(fused.count == 53 + 1 + 3 * 16 + 1 + 1)
        let sums = fused.filter { if case .convolution(_, _, _, _, sums: true) = $0.kind { true } else { false } }
        #expect(sums.map(\.name) == fused.map(\.name).filter { $0.hasSuffix("conv3") })
        for operation in fused {
            if case .scale(let gate, let shortcut, let activation) = operation.kind {
                #expect(gate != nil && shortcut != nil && activation == .relu)
            }
        }
    }

    @Test("of ResNet-50 adds the shortcut inside its convolutions")
    func fusionWithoutSE() throws {
        let fused = try Fusion.fuse(Configuration(architecture: "resnet50").network)
        // Convolutions, the max pool, the classifier: the last convolution delivers the sums too.
        #expect(fused.count == 53 + 1 + 1)
        let residuals = fused.filter { if case .convolution(_, _, .some, .relu, _) = $0.kind { true } else { false } }
        #expect(residuals.count == 16)
    }

    @Test("takes every operation of every network in, and reads only what was made before", arguments: Architecture.named.keys.sorted())
    func wellFormed(_ name: String) throws {
        let network = try Configuration(architecture: name).network
        let fused = try Fusion.fuse(network)
        var made: Set<String> = [Network.input]
        for operation in fused {
            #expect(operation.reads.allSatisfy(made.contains), "\(operation.name) reads \(operation.reads)")
            made.formUnion(operation.writes)
        }
        #expect(made.contains(network.output))
    }

    @Test("refuses what it cannot do")
    func refusal() {
        let network = Network(
            name: "x", inputChannels: 3, operations: [Operation("bn", .batchNorm(BatchNorm(channels: 3)), inputs: [Network.input])])
        #expect(throws: ModelError.network("operation 'bn' reads the image, which only a convolution can")) { try Fusion.fuse(network) }
    }
}
