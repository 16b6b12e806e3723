import Testing

@testable import SENet

@Suite("A plan")
struct PlanTests {
    @Test("gives values that live at the same time different memory, and others the same")
    func memory() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<100 {
            let lives = (0..<30).map { _ in
                let first = Int.random(in: 0..<40, using: &random)
                return MemoryPlan.Lifetime(
                    byteCount: Int.random(in: 1...2000, using: &random), first: first, last: first + Int.random(in: 0...6, using: &random))
            }
            let plan = MemoryPlan(lives)
            let places = zip(lives, plan.offsets).map { (life: $0, range: $1..<$1 + $0.byteCount) }
            for (index, a) in places.enumerated() {
                for b in places[(index + 1)...] where a.life.first <= b.life.last && b.life.first <= a.life.last {
                    #expect(!a.range.overlaps(b.range), "\(a) and \(b)")
                }
            }
            // Never less than what lives at once; and all of it is inside.
            let peak =
                (0..<50).map { step in lives.filter { $0.first <= step && step <= $0.last }.reduce(0) { $0 + $1.byteCount } }.max() ?? 0
            #expect(plan.byteCount >= peak)
            #expect(places.allSatisfy { $0.range.upperBound <= plan.byteCount && $0.range.lowerBound % MemoryPlan.alignment == 0 })
        }
        let one = MemoryPlan([.init(byteCount: 64, first: 0, last: 1), .init(byteCount: 64, first: 2, last: 3)])
        #expect(one.byteCount == 64)
    }

    @Test("lets an operation overwrite a value only if nothing reads it any more, and never the output")
    func inPlace() throws {
        func memory(_ operations: [SENet.Operation]) throws -> (fused: FusedNetwork, plan: MemoryPlan) {
            let stem = Operation("stem", .convolution(Convolution(inputs: 3, outputs: 16, kernel: 3)), inputs: [Network.input])
            let end = Operation("end", .globalPooling(.max), inputs: [operations[operations.count - 1].name])
            let network = Network(name: "x", inputChannels: 3, operations: [stem] + operations + [end])
            let fused = try Fusion.fuse(network.resolved(height: 8, width: 8))
            return (fused, try MemoryPlan(fused))
        }
        func offset(_ name: String, _ made: (fused: FusedNetwork, plan: MemoryPlan)) throws -> Int {
            made.plan.offsets[try #require(made.fused.values.firstIndex { $0.name == name })]
        }
        let a = Operation("a", .activation(.tanh), inputs: ["stem"])
        let (b, sum) = (Operation("b", .activation(.silu), inputs: ["a"]), Operation("sum", .add, inputs: ["b", "b"]))
        let chain = try memory([a, b, sum])
        #expect(try ["a", "b", "sum"].map { try offset($0, chain) } == Array(repeating: try offset("stem", chain), count: 3))
        let read = try memory([a, b, Operation("sum", .add, inputs: ["b", "a"])])
        #expect(try offset("a", read) != offset("b", read) && offset("sum", read) == offset("b", read))
    }

    private func fuse(_ architecture: String) throws -> FusedNetwork {
        try Fusion.fuse(Configuration(architecture: architecture).network.resolved(height: 224, width: 224))
    }

    private func convolutions(_ fused: FusedNetwork) -> [(name: String, convolution: FusedConvolution)] {
        fused.operations.compactMap { if case .convolution(let convolution) = $0.kind { ($0.name, convolution) } else { nil } }
    }

    @Test("of SE-ResNet-50 passes over memory as rarely as its kernels can")
    func fusion() throws {
        let fused = try fuse("seresnet50")
        // 53 convolutions, a max pool, three passes for each of 16 SE blocks, the sums for the classifier, and the classifier.
        #expect(fused.operations.count == 53 + 1 + 3 * 16 + 1 + 1)
        let sums = convolutions(fused).filter { $0.convolution.sums != nil }
        #expect(sums.map(\.name) == fused.operations.map(\.name).filter { $0.hasSuffix("conv3") })
        for operation in fused.operations {
            if case .scale(let gate, let shortcut, let activation) = operation.kind {
                #expect(gate != nil && shortcut != nil && activation == .relu)
            }
        }
    }

    @Test("of ResNet-50 adds the shortcut inside its convolutions")
    func fusionWithoutSE() throws {
        let fused = try fuse("resnet50")
        // Convolutions, the max pool, the classifier: the last convolution delivers the sums too.
        #expect(fused.operations.count == 53 + 1 + 1)
        #expect(convolutions(fused).filter { $0.convolution.residual != nil && $0.convolution.activation == .relu }.count == 16)
    }

    @Test("takes every operation of every network in, and reads only what was made before", arguments: Architecture.named.keys.sorted())
    func wellFormed(_ name: String) throws {
        let fused = try fuse(name)
        var made = [fused.input]
        for operation in fused.operations {
            #expect(operation.reads.allSatisfy(made.contains), "\(operation.name) reads \(operation.reads)")
            made += operation.writes
        }
        #expect(made.contains(fused.output) && Set(made).count == fused.values.count && made.count == fused.values.count)
    }

    @Test("brings the image into the kernels' layout once, where anything but a convolution reads it")
    func conversion() throws {
        let network = Network(
            name: "x", inputChannels: 3,
            operations: [
                Operation("conv", .convolution(Convolution(inputs: 3, outputs: 3, kernel: 3)), inputs: [Network.input]),
                Operation("sum", .add, inputs: ["conv", Network.input]),
                Operation("bn", .batchNorm(BatchNorm(channels: 3)), inputs: [Network.input]),
                Operation("both", .concatenation, inputs: ["sum", "bn"]), Operation("max", .globalPooling(.max), inputs: ["both"]),
            ])
        let fused = try Fusion.fuse(network.resolved(height: 8, width: 8))
        #expect(fused.operations.map(\.name) == [Network.input, "conv", "bn", "both", "max"])
        #expect(fused.operations[1].input == fused.input && fused.operations[2].input == fused.operations[0].output)
    }

    @Test("whose steps take not every tensor, or one twice, is refused by the tensor's name")
    func tensors() throws {
        let network = try Configuration.small().network
        var fused = try Fusion.fuse(network.resolved(height: 64, width: 64))
        let steps = StepChoice(kernels: try .prepared(), onlyGemm: false, precision: .float32).steps(of: &fused)
        func message(_ steps: [any Step]) -> String? {
            let error = #expect(throws: ModelError.self) { try PackedWeights(steps, of: network, from: .madeUp, threads: 1) }
            return error?.description
        }
        #expect(message(steps.dropLast()) == "no step takes the tensor 'fc.bias'")
        #expect(message(steps + steps.suffix(1))?.hasPrefix("two steps take the tensor 'fc.weight'") == true)
    }
}
