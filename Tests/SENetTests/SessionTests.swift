import Testing

@testable import SENet

@Suite("A session")
struct SessionTests {
    /// One of each kind of network, small: basic and bottleneck, grouped, deep stem with pooled shortcut, the legacy generation, without SE.
    static let architectures = ["seresnet18", "seresnet50", "seresnext50_32x4d", "seresnet50t", "legacy_seresnet50", "resnet18"]
    static let instructionSets = Kernels.availableForFloat32
    /// Instruction sets and what is computed on them.
    static let computations =
        instructionSets.map { Computation(instructionSet: $0, precision: .float32) }
        + Kernels.available(for: .bfloat16).map { Computation(instructionSet: $0, precision: .bfloat16) }

    struct Computation: CustomTestStringConvertible, Sendable {
        var instructionSet: String
        var precision: Precision
        var testDescription: String { "\(precision.rawValue) on \(instructionSet)" }
    }

    private func configuration(_ name: String) throws -> Configuration {
        var configuration = try Configuration(architecture: name)
        configuration.architecture.layers = [1, 2, 1, 1]
        configuration.architecture.channels = name.contains("next") ? [64, 128, 128, 256] : [32, 48, 64, 80]
        configuration.classes = 37
        return configuration
    }

    @Test(
        "gives an image the same bits alone and in any batch, on any number of threads", arguments: architectures, computations)
    func independence(_ name: String, _ computation: Computation) throws {
        let plan = try Plan.byFormula(
            configuration(name), height: 75, width: 64, kernels: .prepared(computation.instructionSet), precision: computation.precision)
        let images = formulaImages(7, height: 75, width: 64)
        let alone = try images.map { try plan.logits([$0], threads: 1)[0] }
        for threads in 1...3 {
            for batch in [1, 2, 3, 7] {
                let session = try Session(plan: plan, threads: threads, largestBatch: batch)
                for start in stride(from: 0, to: images.count - batch + 1, by: batch) {
                    #expect(session.logits(of: Array(images[start..<start + batch])) == Array(alone[start..<start + batch]))
                }
            }
        }
    }

    @Test("does not remember the batch before")
    func noMemory() throws {
        let plan = try Plan.byFormula(configuration("seresnet50"), height: 64, width: 64)
        let images = formulaImages(3, height: 64, width: 64)
        let session = try Session(plan: plan, threads: 2, largestBatch: 3)
        let first = session.logits(of: [images[0]])
        _ = session.logits(of: images.reversed())
        _ = session.logits(of: [[Float](repeating: .nan, count: images[0].count)])
        #expect(session.logits(of: [images[0]]) == first)
    }

    @Test(
        "agrees with the general path on sizes that no tile divides", arguments: architectures, [(32, 32), (33, 47), (97, 50), (224, 61)])
    func sizes(_ name: String, _ size: (height: Int, width: Int)) throws {
        let configuration = try configuration(name)
        let image = formulaImages(1, height: size.height, width: size.width)
        let general = try Plan.byFormula(configuration, height: size.height, width: size.width, onlyGemm: true).logits(image)[0]
        let largest = general.map(abs).max() ?? 0
        for instructionSet in Self.instructionSets {
            let plan = try Plan.byFormula(configuration, height: size.height, width: size.width, kernels: .prepared(instructionSet))
            let logits = try plan.logits(image)[0]
            let error = zip(logits, general).map { abs($0 - $1) }.max() ?? .infinity
            #expect(error <= 2e-4 * largest, "\(instructionSet): off by \(error) of \(largest)")
        }
    }

    @Test("needs an input that its network can take")
    func tooSmall() throws {
        let network = Network(
            name: "x", inputChannels: 3,
            operations: [
                Operation("conv", .convolution(Convolution(inputs: 3, outputs: 8, kernel: 7, padding: 0)), inputs: [Network.input])
            ])
        #expect(throws: ModelError.self) { try network.shapes(height: 6, width: 40) }
        #expect(try network.shapes(height: 7, width: 40)["conv"] == Shape(channels: 8, height: 1, width: 34))
    }

    @Test("cannot have an instruction set that does not exist")
    func unknownInstructionSet() {
        #expect(throws: ModelError.self) { try Kernels.prepared("sse9") }
        #expect(Kernels.available.last == "portable")
    }
}

@Suite("A team of threads")
struct ThreadTeamTests {
    @Test("shares tickets so that each is taken once, round after round", arguments: 1...5)
    func tickets(_ threads: Int) throws {
        let team = try ThreadTeam(count: threads)
        let items = 1000
        let taken = UnsafeMutablePointer<Int>.allocate(capacity: items)
        defer { taken.deallocate() }
        taken.initialize(repeating: 0, count: items)
        for _ in 0..<20 {
            team.perform { thread in
                for _ in 0..<5 {
                    while let ticket = team.takeTicket(of: items, thread: thread) { taken[ticket] += 1 }
                    team.barrier()
                }
            }
        }
        #expect((0..<items).allSatisfy { taken[$0] == 100 })
    }

    @Test("gives a thread the same tickets in each round, unless others have taken them")
    func sameTickets() throws {
        let team = try ThreadTeam(count: 3)
        var first = [[Int?]](repeating: [], count: 3)
        first.withUnsafeMutableBufferPointer { buffer in
            nonisolated(unsafe) let first = buffer
            team.perform { thread in
                for _ in 0..<4 {
                    first[thread].append(team.takeTicket(of: 100, thread: thread))
                    team.barrier()
                }
            }
        }
        #expect(first == [[0, 0, 0, 0], [33, 33, 33, 33], [66, 66, 66, 66]])
        #expect((0..<3).map { _ in team.takeTicket(of: 2, thread: 1) } == [0, 1, nil])
    }

    @Test("runs the body once on each thread")
    func everyThread() throws {
        let team = try ThreadTeam(count: 4)
        var calls = [Int](repeating: 0, count: 4)
        for _ in 0..<50 {
            calls.withUnsafeMutableBufferPointer { buffer in
                nonisolated(unsafe) let calls = buffer
                team.perform { calls[$0] += 1 }
            }
        }
        #expect(calls == [50, 50, 50, 50])
    }
}
