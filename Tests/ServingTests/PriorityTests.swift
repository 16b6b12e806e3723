import Testing

@testable import Serving

@Suite("Priorities")
struct PriorityTests {
    private let model: Model

    init() throws { model = try TinyModel().load() }

    private func job(_ index: Int, _ priority: Priority) -> WaitingJob {
        var request = InferenceRequest(image: [UInt8](), model: model)
        request.priority = priority
        return WaitingJob(
            request: PendingRequest(request) { _ in }, index: index, submitted: .now, stage: .sent(.image([UInt8]())))
    }

    @Test("those of low priority yield, in order, and one of ten is theirs")
    func share() {
        var line = WaitingLine()
        for index in 0..<5 { line.append(job(1000 + index, .low)) }
        for index in 0..<100 { line.append(job(index, .normal)) }
        #expect(line.count == 105 && line.lowCount == 5)
        #expect(line.before(.normal).count == 100 && line.before(.low).count == 105)
        var taken: [Int] = []
        while let next = line.first?.index {
            #expect(line.popFirst()?.index == next)
            taken.append(next)
        }
        #expect(line.isEmpty)
        #expect(taken.filter { $0 < 1000 } == Array(0..<100) && taken.filter { $0 >= 1000 } == Array(1000..<1005))
        #expect(taken.indices.filter { taken[$0] >= 1000 } == [9, 19, 29, 39, 49])
    }

    @Test("one that waited already goes before others of its priority, and not before those of the other")
    func prepend() {
        var line = WaitingLine()
        line.append(job(0, .normal))
        line.append(job(1, .low))
        line.prepend(job(2, .low))
        #expect([line.popFirst(), line.popFirst(), line.popFirst()].map { $0?.index } == [0, 2, 1])
        #expect(line.popFirst() == nil && line.oldest == nil)
    }

    @Test("a request of low priority is run after the others, though it came before")
    func order() throws {
        let held = try HeldPool([model]) { $0.largestBatch = 1 }
        var low = InferenceRequest(image: try TestImages.jpeg(), model: model)
        low.priority = .low
        // The first is taken by the decoder before another is there.
        held.submit(InferenceRequest(image: try TestImages.jpeg(), model: model))
        #expect(eventually { held.pool.waiting == 0 })
        held.submit(low)
        for _ in 0..<3 { held.submit(InferenceRequest(image: try TestImages.jpeg(), model: model)) }
        #expect(eventually { held.pool.waiting == 4 })
        for answer in held.finish() { #expect(answer.error == nil) }
        #expect(held.answers.all.map(\.index) == [0, 2, 3, 4, 1])
    }

    @Test("is refused at half of the queue, while there is room for others")
    func refused() throws {
        var options = EnginePool.Options(threads: 1)
        options.queue = 4
        let metrics = Metrics()
        let pool = try EnginePool(models: [model], options: options, metrics: metrics)
        defer { pool.close() }
        let (gate, answers) = (Gate(), Answers())
        let bytes = try TestImages.jpeg()
        var low = InferenceRequest(image: HeldImage(bytes: bytes, gate: gate), model: model)
        let normal = low
        low.priority = .low
        pool.submit(normal, to: answers, 0)
        #expect(eventually { pool.waiting == 0 })
        for index in 1...2 { pool.submit(low, to: answers, index) }
        guard case .overloaded = pool.refuse(low) else {
            Issue.record("not refused")
            return
        }
        for index in 3...4 { pool.submit(normal, to: answers, index) }
        #expect(pool.refuse(normal) != nil)
        let full = try Exposition(metrics.render())
        #expect(full.value("excite_low_priority_queue_depth", ["model": model.name]) == 2)
        #expect(full.value("excite_inputs_total", ["priority": "low", "outcome": "accepted"]) == 2)
        #expect(full.value("excite_inputs_total", ["priority": "low", "outcome": "refused"]) == 1)
        #expect(full.value("excite_inputs_total", ["priority": "normal", "outcome": "accepted"]) == 3)
        #expect(full.value("excite_inputs_total", ["priority": "normal", "outcome": "refused"]) == 1)
        gate.open()
        for answer in answers.sorted(5) { #expect(answer.error == nil) }
    }

    @Test("a deadline is held against what goes before, and no more")
    func deadline() {
        let admission = Admission(EnginePool.Options(threads: 1))
        var cost = ModelCost()
        cost.begin(seconds: 0.01)
        let limit = admission.limit(cost)
        #expect(admission.limit(cost, .low) == max(1, limit / 2) && admission.limit(cost, .normal) == limit)
        let waiting = limit - 1
        #expect(admission.refusal(images: 1, cost: cost, waiting: waiting, backlog: 0, remaining: nil) == nil)
        #expect(admission.refusal(images: 1, priority: .low, cost: cost, waiting: waiting, backlog: 0, remaining: nil) != nil)
    }

    @Test("what waits with low priority is answered when the pool closes")
    func drained() throws {
        let pool = try EnginePool(models: [model], options: .init(threads: 1))
        let answers = Answers()
        for index in 0..<20 {
            var request = InferenceRequest(image: try TestImages.jpeg(), model: model)
            request.priority = index % 2 == 0 ? .low : .normal
            pool.submit(request, to: answers, index)
        }
        pool.close()
        #expect(answers.all.count == 20 && answers.all.allSatisfy { $0.answer.error == nil })
    }
}
