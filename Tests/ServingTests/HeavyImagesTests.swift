import Testing

@testable import Imaging
@testable import Serving

@Suite("Heavy images")
struct HeavyImagesTests {
    private let model: Model
    private let now = ContinuousClock.now

    init() throws { model = try TinyModel().load() }

    private func job(_ client: String = "", _ cost: DecodeCost, index: Int = 0) -> WaitingJob {
        let request = InferenceRequest(inputs: [.tensor([])], model: model, client: client)
        return Job(request: PendingRequest(request) { _ in }, index: index, submitted: now, stage: .sent(.tensor([]), cost))
    }

    private func cost(milliseconds: Int = 1, memory: Int = 1) -> DecodeCost {
        DecodeCost(duration: .milliseconds(milliseconds), memory: memory)
    }

    @Test("are those beyond what ordinary decoders do for a request; ordinary ones always have memory", arguments: 0..<8)
    func demand(seed: UInt64) {
        var random = SplitMix(seed: seed)
        for _ in 0..<200 {
            var options = EnginePool.Options(threads: Int.random(in: 1...64, using: &random))
            if Bool.random(using: &random) { options.decodeMemory = Int.random(in: 16...4096, using: &random) << 20 }
            let costs: [DecodeCost?] = (0..<Int.random(in: 0...20, using: &random)).map { _ in
                guard Int.random(in: 0..<5, using: &random) > 0 else { return nil }
                let small = Bool.random(using: &random)
                return cost(
                    milliseconds: Int.random(in: 1...(small ? 50 : 2000), using: &random),
                    memory: Int.random(in: 1...(small ? 1 << 20 : 4 << 30), using: &random))
            }
            let allowance = Duration.milliseconds(Int.random(in: -100...400, using: &random))
            let demand = DecodeDemand(costs, allowance: allowance, options)
            let limit = min(allowance, options.ordinaryDecode)
            var (ordinary, heavy) = (Duration.zero, Duration.zero)
            for (index, cost) in costs.enumerated() {
                guard let cost, cost.memory <= options.heavyMemory else {
                    #expect(!demand.isHeavy[index], "there is nothing to decode")
                    continue
                }
                if demand.isHeavy[index] {
                    heavy += cost.duration
                    #expect(cost.memory > options.ordinaryMemory || ordinary + cost.duration > limit, "it had to be")
                } else {
                    ordinary += cost.duration
                    #expect(cost.memory <= options.ordinaryMemory)
                }
            }
            #expect(ordinary <= max(.zero, limit))
            #expect(demand.ordinary == ordinary && demand.heavy == heavy && demand.heavyImages == demand.isHeavy.count { $0 })
            let decoders = 2 * options.sessions * options.threadsPerSession
            #expect(decoders * options.ordinaryMemory + options.heavyMemory <= options.decodeMemory)
            #expect(options.heavyDecoders <= max(1, options.threads / 2))
        }
    }

    @Test("clients take turns; one client's go in order")
    func turns() throws {
        var heavy = HeavyImages(EnginePool.Options(threads: 1))
        for index in 0..<3 { heavy.append(job("a", cost(), index: index)) }
        heavy.append(job("b", cost(), index: 10))
        func next() throws -> Int {
            let taken = heavy.take()
            let job = try #require(taken)
            heavy.finish(job)
            return job.index
        }
        #expect(try next() == 0)
        #expect(try next() == 10)
        heavy.append(job("c", cost(), index: 20))
        #expect(try next() == 20)
        #expect(try (next(), next()) == (1, 2))
        #expect(heavy.waiting == 0)
    }

    /// What comes, is taken and is done next is drawn.
    @Test("never hold more memory than they may; each is taken once, and all is accounted for", arguments: 0..<8)
    func drawn(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let options = EnginePool.Options(threads: 8)
        var heavy = HeavyImages(options)
        var (waiting, decoding): ([Int: WaitingJob], [WaitingJob]) = ([:], [])
        for index in 0..<3000 {
            switch Int.random(in: 0..<3, using: &random) {
            case 0 where waiting.count < 30:
                let memory = Int.random(in: 1...options.heavyMemory, using: &random)
                let milliseconds = Int.random(in: 1...3000, using: &random)
                let job = job("\(Int.random(in: 0..<4, using: &random))", cost(milliseconds: milliseconds, memory: memory), index: index)
                waiting[index] = job
                heavy.append(job)
            case 1:
                guard let job = heavy.take() else {
                    #expect(waiting.isEmpty || !decoding.isEmpty, "one alone has room")
                    continue
                }
                #expect(waiting.removeValue(forKey: job.index) != nil)
                decoding.append(job)
            default:
                guard let index = decoding.indices.randomElement(using: &random) else { continue }
                heavy.finish(decoding.remove(at: index))
            }
            #expect(heavy.memory == decoding.reduce(0) { $0 + ($1.decoding?.memory ?? 0) })
            #expect(heavy.memory <= options.heavyMemory)
            let jobs = waiting.values + decoding
            #expect(heavy.waiting == waiting.count)
            #expect(heavy.inHand == jobs.reduce(.zero) { $0 + ($1.decoding?.duration ?? .zero) })
            for client in Set(jobs.map(\.request.client)) {
                let own = jobs.filter { $0.request.client == client }
                #expect(heavy.inHand(of: client) == own.reduce(.zero) { $0 + ($1.decoding?.duration ?? .zero) })
            }
        }
    }
}
