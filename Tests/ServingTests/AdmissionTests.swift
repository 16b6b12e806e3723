import Foundation
import Imaging
import SENet
import Testing

@testable import Serving

@Suite("Admission to the pool")
struct AdmissionTests {
    private let model: Model

    init() throws { model = try TinyModel().load() }

    private func request(_ gate: Gate? = nil, deadline: ContinuousClock.Instant? = nil) throws -> ClassificationRequest {
        let bytes = try TestImages.jpeg()
        return ClassificationRequest(
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
        for index in 0..<3 { pool.submit(try request(gate)) { answers.add(index, $0) } }
        #expect(pool.unanswered == 3)
        for _ in 0..<2 {
            guard case .overloaded(let retryAfter) = pool.classify(try request()).error else {
                Issue.record("not refused as an overload")
                continue
            }
            #expect(retryAfter > .zero && retryAfter < .seconds(600))
        }
        #expect(try Exposition(metrics.render()).value("excite_rejected_total", ["reason": "queue_full"]) == 2)
        #expect(try Exposition(metrics.render()).value("excite_queue_depth") == 3)
        gate.open()
        for answer in answers.sorted(3) { #expect(answer.error == nil) }
        #expect(pool.unanswered == 0)
        #expect(pool.classify(try request()).error == nil, "there is room again")
    }

    @Test("who has an answer finds room for the next image, even in a queue of one")
    func room() throws {
        var options = EnginePool.Options(threads: 2)
        options.queue = 1
        let pool = try EnginePool(models: [model], options: options)
        defer { pool.close() }
        for _ in 0..<200 { #expect(pool.classify(try request()).error == nil) }
        for _ in 0..<200 { #expect(pool.classify(ClassificationRequest(image: [UInt8](), model: model)).error == .image(.empty)) }
    }

    @Test("an image whose deadline passed before it was decoded is not decoded")
    func deadlineBeforeDecoding() throws {
        let metrics = Metrics()
        let pool = try EnginePool(models: [model], options: .init(threads: 1), metrics: metrics)
        defer { pool.close() }
        #expect(pool.classify(try request(deadline: .now - .milliseconds(1))).error == .deadlinePassed)
        let exposition = try Exposition(metrics.render())
        #expect(exposition.value("excite_rejected_total", ["reason": "deadline"]) == 1)
        #expect(exposition.value("excite_images_total", ["format": "jpeg"]) == nil)
        #expect(pool.classify(try request(deadline: .now + .seconds(3600))).error == nil)
    }

    @Test("an image whose deadline passed while it waited is not run, and its neighbours are")
    func deadlineBeforeRunning() throws {
        let held = try HeldPool([model])
        let deadline = ContinuousClock.now + .milliseconds(200)
        held.submit(try request(deadline: deadline))
        held.submit(try request())
        held.submit(try request(deadline: deadline))
        try held.decodeAll()
        #expect(eventually { ContinuousClock.now > deadline })
        let answers = held.finish()
        #expect(answers.map(\.error) == [.deadlinePassed, nil, .deadlinePassed])
        #expect(try answers[1].get().batchSize == 1)
    }

    @Test("where every deadline has passed, nothing is run")
    func nothingToRun() throws {
        let held = try HeldPool([model])
        let deadline = ContinuousClock.now + .milliseconds(200)
        for _ in 0..<3 { held.submit(try request(deadline: deadline)) }
        try held.decodeAll()
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
            for index in 0..<5 { pool.submit(try request(gate)) { answers.add(index, $0) } }
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
                    pool.submit(held) { answer in (answer.error == .unavailable ? refusals : answers).add(index, answer) }
                    if refusals.all.isEmpty { accepted += 1 }
                    return !refusals.all.isEmpty
                })
            #expect(answers.all.isEmpty)
            gate.open()
            closed.pass()
            #expect(answers.sorted(accepted).map(\.error) == Array(repeating: nil, count: accepted))
            #expect(answers.all.count == accepted, "each is answered once")
            #expect(pool.classify(try request()).error == .unavailable)
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

    @Test(
        "more threads make more sessions, none of more than eight",
        arguments: [(1, 1, 1), (2, 1, 2), (8, 1, 8), (16, 2, 8), (17, 2, 8), (64, 8, 8)])
    func sessions(threads: Int, sessions: Int, each: Int) {
        let options = EnginePool.Options(threads: threads)
        #expect(options.sessions == sessions)
        #expect(options.threadsPerSession == each)
    }
}
