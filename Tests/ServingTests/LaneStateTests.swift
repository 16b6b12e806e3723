import Testing

@testable import Serving

@Suite("A lane")
struct LaneStateTests {
    private let now = ContinuousClock.now
    private let model: Model

    init() throws { model = try TinyModel().load() }

    private func job(_ index: Int = 0, deadline: ContinuousClock.Instant? = nil) -> WaitingJob {
        let request = InferenceRequest(image: [UInt8](), model: model, deadline: deadline)
        return Job(request: PendingRequest(request) { _ in }, index: index, submitted: now, stage: .sent(.tensor([])))
    }

    private func prepared(_ job: WaitingJob) -> Preparation { .prepared(job.with(.tensor([]))) }

    @Test("fills a batch, runs it and is free again")
    func turns() throws {
        var lane = LaneState()
        let decoders = [lane.addDecoder(), lane.addDecoder()]
        let (first, second) = (job(0, deadline: now + .seconds(2)), job(1, deadline: now + .seconds(1)))
        lane.take(first, decoder: decoders[0], at: now)
        lane.take(second, decoder: decoders[1], at: now)
        #expect(lane.forming?.status.deadline == now + .seconds(1), "the earliest")
        let later = now + .milliseconds(3)
        guard case .joined(isFirst: true) = lane.giveBack(prepared(second), decoder: decoders[1], at: later),
            case .joined(isFirst: false) = lane.giveBack(prepared(first), decoder: decoders[0], at: later)
        else {
            Issue.record("they do not join")
            return
        }
        let batch = try #require(lane.forming)
        #expect(batch.ready.map(\.index) == [1, 0])
        #expect(batch.status.lastReady == later && batch.status.began == now)
        lane.run(batch, until: later)
        #expect(lane.forming == nil && lane.stragglers == 0)
        lane.finishRun()
        guard case .idle = lane.phase else {
            Issue.record("it is not free")
            return
        }
    }

    @Test("forgets a batch of which every input has had its answer")
    func nothingLeft() {
        var lane = LaneState()
        let decoder = lane.addDecoder()
        lane.take(job(), decoder: decoder, at: now)
        guard case .answered = lane.giveBack(.answered, decoder: decoder, at: now), lane.forming == nil else {
            Issue.record("the batch is still there")
            return
        }
    }

    /// What a lane's decoders and its team do next is drawn; every input that was taken comes back from it, once.
    @Test("loses no input, whatever happens in which order", arguments: 0..<8)
    func drawn(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var lane = LaneState()
        var working: [Int: WaitingJob] = [:]
        var idle = (0..<3).map { _ in lane.addDecoder() }
        var (taken, ended): (Int, [Int]) = (0, [])
        for _ in 0..<2000 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                if case .running = lane.phase { continue }
                guard let decoder = idle.popLast() else { continue }
                let job = job(taken)
                taken += 1
                working[decoder] = job
                lane.take(job, decoder: decoder, at: now)
            case 1:
                guard let (decoder, job) = working.randomElement(using: &random) else { continue }
                working[decoder] = nil
                let isAnswered = Bool.random(using: &random)
                let wasWaitedFor = lane.forming?.decoding.contains(decoder) == true
                switch lane.giveBack(isAnswered ? .answered : prepared(job), decoder: decoder, at: now) {
                case .joined(let isFirst):
                    #expect(wasWaitedFor && !isAnswered)
                    #expect(isFirst == (lane.forming?.ready.count == 1))
                case .missed(let missed):
                    #expect(!wasWaitedFor && !isAnswered && missed.index == job.index)
                    ended.append(missed.index)
                case .answered:
                    #expect(isAnswered)
                    ended.append(job.index)
                }
                if lane.activeDecoders > 3 { lane.removeDecoder(decoder) } else { idle.append(decoder) }
            case 2:
                guard let batch = lane.forming, !batch.ready.isEmpty else { continue }
                lane.run(batch, until: now)
                ended += batch.ready.map(\.index)
                // Others take the stragglers' places.
                for _ in batch.decoding { idle.append(lane.addDecoder()) }
            default:
                guard case .running = lane.phase else { continue }
                lane.finishRun()
            }
            let held = (lane.forming?.ready.count ?? 0) + working.count
            #expect(held + ended.count == taken)
            #expect(lane.activeDecoders == 3, "as many as ever fill batches")
            #expect(lane.stragglers + (lane.forming?.decoding.count ?? 0) == working.count)
        }
        #expect(Set(ended).count == ended.count, "no input ends twice")
        #expect(taken > 200)
    }
}

@Suite("The models of a pool")
struct ServedModelsTests {
    @Test("take turns: the one whose turn is longest ago goes first; each one's inputs go in order")
    func turns() throws {
        let models = try (0..<3).map { try TinyModel(classes: 5 + $0).load() }
        var served = ServedModels()
        for model in models { served.add(model) }
        func job(_ model: Int, _ index: Int) -> WaitingJob {
            let request = PendingRequest(InferenceRequest(image: [UInt8](), model: models[model])) { _ in }
            return Job(request: request, index: index, submitted: .now, stage: .sent(.tensor([])))
        }
        func next() -> [Int] {
            guard let job = served.takeNext(), let model = models.firstIndex(of: job.request.model) else { return [] }
            return [model, job.index]
        }
        for index in 0..<2 { for model in [0, 2] { served.append(job(model, index)) } }
        #expect(next() == [0, 0])
        #expect(next() == [2, 0])
        served.append(job(1, 0))
        served.prepend(job(0, 7))
        #expect(next() == [1, 0], "it has had no turn yet")
        #expect(next() == [0, 7], "it has waited already")
        #expect(served.isAnyWaiting(besides: models[0]) && served.isAnyWaiting(besides: models[2]))
        served.remove(models[1])
        #expect(next() == [2, 1])
        #expect(next() == [0, 1])
        #expect(next() == [] && !served.isAnyWaiting && served.oldest == nil)
    }
}
