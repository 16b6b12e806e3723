import Foundation
import Imaging
import SENet
import Testing
import Threads

@testable import Serving

@Suite("Admission to the pool")
struct AdmissionTests {
    private let model: Model

    init() throws { model = try TinyModel().load() }

    private func request(_ gate: Gate? = nil, deadline: ContinuousClock.Instant? = nil) throws -> InferenceRequest {
        let bytes = try TestImages.jpeg()
        return InferenceRequest(
            image: gate.map { HeldImage(bytes: bytes, gate: $0) as any EncodedImage } ?? bytes, model: model, deadline: deadline)
    }

    @Test("as many images wait as may; one more is refused at once, told when to come back")
    func overload() throws {
        var options = EnginePool.Options(threads: 1)
        options.queue = 3
        let metrics = Metrics()
        let pool = try EnginePool(models: [model], options: options, metrics: metrics)
        defer { pool.close() }
        let (gate, answers) = (Gate(), Answers())
        pool.submit(try request(gate), to: answers, 0)
        #expect(eventually { pool.waiting == 0 }, "it is being decoded")
        for index in 1...3 { pool.submit(try request(gate), to: answers, index) }
        #expect(pool.unanswered == 4)
        for _ in 0..<2 {
            guard case .overloaded(let retryAfter) = pool.infer(try request()).error else {
                Issue.record("not refused as an overload")
                continue
            }
            #expect(retryAfter > .zero && retryAfter < .seconds(600))
        }
        #expect(pool.refuse(try request()) != nil, "it can be told before the images are here")
        let full = try Exposition(metrics.render())
        #expect(full.value("excite_rejected_total", ["reason": "queue_full"]) == 3)
        #expect(full.value("excite_queue_depth", ["model": model.name]) == 3)
        #expect(full.value("excite_queue_limit", ["model": model.name]) == 3)
        #expect(full.value("excite_images_in_flight") == 4)
        #expect(try #require(full.value("excite_queue_age_seconds")) > 0)
        gate.open()
        for answer in answers.sorted(4) { #expect(answer.error == nil) }
        #expect(pool.unanswered == 0)
        #expect(pool.infer(try request()).error == nil, "there is room again")
    }

    @Test("a request's images are accepted together or refused together")
    func together() throws {
        var options = EnginePool.Options(threads: 1)
        options.queue = 2
        let pool = try EnginePool(models: [model], options: options)
        defer { pool.close() }
        let (gate, answers) = (Gate(), Answers())
        pool.submit(try request(gate), to: answers, 0)
        #expect(eventually { pool.waiting == 0 })
        pool.submit(try request(gate), to: answers, 1)
        let image = try TestImages.jpeg()
        let several = InferenceRequest(images: [image, image, [UInt8](), image], model: model)
        let results = Monitor<[[Answers.Answer]]>([])
        pool.submit(several) { answer in results.withLock { $0.append(answer) } }
        #expect(pool.waiting == 5, "there was room for one")
        pool.submit(several) { answer in results.withLock { $0.append(answer) } }
        #expect(results.withLock(\.count) == 1)
        #expect(results.withLock { $0.first?.map { if case .overloaded = $0.error { true } else { false } } } == [true, true, true, true])
        gate.open()
        #expect(eventually { results.withLock(\.count) == 2 })
        #expect(results.withLock { $0.last?.map(\.error) } == [nil, nil, .image(.empty), nil])
    }

    @Test("what a client that left asked for is not decoded, and counted")
    func clientLeft() throws {
        let metrics = Metrics()
        let pool = try EnginePool(models: [model], options: .init(threads: 1), metrics: metrics)
        defer { pool.close() }
        var left = try request()
        left.clientHasLeft = { true }
        #expect(pool.infer(left).error == .clientLeft)
        let exposition = try Exposition(metrics.render())
        #expect(exposition.value("excite_rejected_total", ["reason": "client_left"]) == 1)
        #expect(exposition.value("excite_images_total", ["format": "jpeg"]) == nil)
        #expect(pool.unanswered == 0)
    }

    @Test("a client has as many requests in flight as it may; others are not held up by it")
    func clientLimit() throws {
        var options = EnginePool.Options(threads: 1)
        options.clientRequests = 2
        let pool = try EnginePool(models: [model], options: options)
        defer { pool.close() }
        let (gate, answers) = (Gate(), Answers())
        var mine = try request(gate)
        mine.client = "192.0.2.1"
        for index in 0..<2 { pool.submit(mine, to: answers, index) }
        guard case .tooManyFromClient = pool.infer(mine).error else {
            Issue.record("not refused")
            return
        }
        var other = mine
        other.client = "192.0.2.2"
        pool.submit(other, to: answers, 2)
        gate.open()
        for answer in answers.sorted(3) { #expect(answer.error == nil) }
        #expect(pool.infer(mine).error == nil, "its requests were answered")
    }

    @Test("what cannot be answered by its deadline is refused at once")
    func deadlineTooSoon() throws {
        let pool = try EnginePool(models: [model], options: .init(threads: 1))
        defer { pool.close() }
        pool.monitor.withLock { $0.models.update(model) { $0.cost.begin(seconds: 100) } }
        guard case .deadlineTooSoon(let retryAfter) = pool.infer(try request(deadline: .now + .seconds(20))).error else {
            Issue.record("not refused")
            return
        }
        #expect(retryAfter > .seconds(80))
        #expect(pool.infer(try request(deadline: .now + .seconds(3600))).error == nil)
        #expect(pool.infer(try request()).error == nil)
    }

    @Test("who has an answer finds room for the next image, even in a queue of one")
    func room() throws {
        var options = EnginePool.Options(threads: 2)
        options.queue = 1
        let pool = try EnginePool(models: [model], options: options)
        defer { pool.close() }
        for _ in 0..<200 { #expect(pool.infer(try request()).error == nil) }
        for _ in 0..<200 { #expect(pool.infer(InferenceRequest(image: [UInt8](), model: model)).error == .image(.empty)) }
    }

    @Test("an image whose deadline passed before it was decoded is not decoded")
    func deadlineBeforeDecoding() throws {
        let metrics = Metrics()
        let pool = try EnginePool(models: [model], options: .init(threads: 1), metrics: metrics)
        defer { pool.close() }
        let (gate, answers) = (Gate(), Answers())
        pool.submit(try request(gate), to: answers, 0)
        let deadline = ContinuousClock.now + .milliseconds(500)
        pool.submit(try request(deadline: deadline), to: answers, 1)
        #expect(eventually { ContinuousClock.now > deadline })
        gate.open()
        #expect(answers.sorted(2).map(\.error) == [nil, .deadlinePassed])
        let exposition = try Exposition(metrics.render())
        #expect(exposition.value("excite_rejected_total", ["reason": "deadline_passed"]) == 1)
        #expect(exposition.value("excite_images_total", ["format": "jpeg"]) == 1)
        #expect(pool.infer(try request(deadline: .now + .seconds(3600))).error == nil)
    }

    @Test("an image whose deadline passed while it waited is not run, and its neighbours are")
    func deadlineBeforeRunning() throws {
        let held = try HeldPool([model])
        let deadline = ContinuousClock.now + .milliseconds(500)
        held.submit(try request(deadline: deadline))
        held.submit(try request())
        held.submit(try request(deadline: deadline))
        held.decodeAll()
        #expect(eventually { ContinuousClock.now > deadline })
        let answers = held.finish()
        #expect(answers.map(\.error) == [.deadlinePassed, nil, .deadlinePassed])
        #expect(try answers[1].get().batchSize == 1)
    }

    @Test("where every deadline has passed, nothing is run")
    func nothingToRun() throws {
        let held = try HeldPool([model])
        let deadline = ContinuousClock.now + .milliseconds(500)
        for _ in 0..<3 { held.submit(try request(deadline: deadline)) }
        held.decodeAll()
        #expect(eventually { ContinuousClock.now > deadline })
        #expect(held.finish().map(\.error) == [.deadlinePassed, .deadlinePassed, .deadlinePassed])
        let batches = try Exposition(held.metrics.render()).value("excite_batches_total", ["released": "session_free"])
        #expect(batches == 1, "the one that held the session")
    }

    @Test("closing answers everything accepted, refuses the rest and ends the threads")
    func closing() throws {
        let (gate, answers, closed) = (Gate(), Answers(), Gate())
        weak var released: EnginePool?
        do {
            let pool = try EnginePool(models: [model], options: .init(threads: 2))
            released = pool
            for index in 0..<5 { pool.submit(try request(gate), to: answers, index) }
            Thread.detachNewThread {
                pool.close()
                closed.open()
            }
            // What comes before the pool begins to close is accepted too.
            let held = try request(gate)
            var accepted = 5
            #expect(
                eventually {
                    let (refusals, index) = (Answers(), accepted)
                    pool.submit(held) { answer in (answer[0].error == .unavailable ? refusals : answers).add(index, answer[0]) }
                    if refusals.all.isEmpty { accepted += 1 }
                    return !refusals.all.isEmpty
                })
            #expect(answers.all.isEmpty)
            gate.open()
            closed.pass()
            #expect(answers.sorted(accepted).map(\.error) == Array(repeating: nil, count: accepted))
            #expect(answers.all.count == accepted, "each is answered once")
            #expect(pool.infer(try request()).error == .unavailable)
            pool.close()
        }
        #expect(eventually { released == nil }, "the threads hold the pool")
    }

    @Test("a pool for which there is no memory cannot be made")
    func noMemory() throws {
        var options = EnginePool.Options(threads: 1)
        options.largestBatch = 1 << 40
        #expect { try EnginePool(models: [model], options: options) } throws: { error in
            guard case ModelError.engine(let text) = error else { return false }
            return text.contains("memory")
        }
    }

    @Test("the queue is what a second clears, but no less than fills every session's batch, unless it is said")
    func limit() {
        var options = EnginePool.Options(threads: 16)
        let admission = Admission(options)
        var cost = ModelCost()
        #expect(admission.limit(cost) == 32, "nothing is known")
        cost.begin(seconds: 0.01)
        #expect(admission.limit(cost) == 200)
        for _ in 0..<200 { cost.follow(images: 16, seconds: 0.08) }
        #expect(abs(cost.throughput(lanes: admission.lanes) - 400) < 1e-6)
        #expect(abs(admission.limit(cost) - 400) <= 1)
        for _ in 0..<200 { cost.follow(images: 16, seconds: 16) }
        #expect(admission.limit(cost) == 32)
        options.queue = 5
        #expect(Admission(options).limit(cost) == 5)
    }

    @Test("a deadline is held against the work that waits, and the image's own")
    func prediction() {
        let admission = Admission(EnginePool.Options(threads: 1))
        var cost = ModelCost()
        cost.begin(seconds: 0.1)
        for _ in 0..<200 { cost.follow(images: 10, seconds: 0.5) }
        func refusal(images: Int, backlog: Double, within seconds: Double) -> InferenceError? {
            admission.refusal(images: images, cost: cost, waiting: 0, backlog: backlog, remaining: .seconds(seconds))
        }
        #expect(refusal(images: 1, backlog: 0, within: 0.15) == nil, "one alone takes 100 ms")
        #expect(refusal(images: 1, backlog: 0, within: 0.13) != nil)
        #expect(refusal(images: 10, backlog: 0, within: 0.71) == nil, "ten take 50 ms each")
        #expect(refusal(images: 10, backlog: 0, within: 0.69) != nil)
        #expect(refusal(images: 1, backlog: 1, within: 1.55) == nil)
        #expect(refusal(images: 1, backlog: 1, within: 1.53) != nil)
        #expect(admission.refusal(images: 1, cost: cost, waiting: 0, backlog: 1000, remaining: nil) == nil)
    }

    @Test(
        "more threads make more sessions, none of more than eight",
        arguments: [(1, 1, 1), (2, 1, 2), (8, 1, 8), (16, 2, 8), (17, 2, 8), (64, 8, 8)])
    func sessions(threads: Int, sessions: Int, each: Int) {
        let options = EnginePool.Options(threads: threads)
        #expect(options.sessions == sessions)
        #expect(options.threadsPerSession == each)
    }
}
