import Foundation
import Imaging
import Testing
import Threads

@testable import Serving

@Suite("Images that take long or much memory to decode")
struct DecodeBudgetTests {
    private let model: Model
    /// 4 MB are held for it, and decoding it takes a few milliseconds.
    private let heavy = emptyScans(width: 2000, height: 1000)

    init() throws { model = try TinyModel().load() }

    /// A pool for which the heavy image is that.
    private func pool(
        threads: Int = 1, metrics: Metrics = Metrics(), change: (inout EnginePool.Options) -> Void = { _ in }
    ) throws -> EnginePool {
        var options = EnginePool.Options(threads: threads)
        options.decodeMemory = threads * 16 << 20
        options.queue = 100
        change(&options)
        return try EnginePool(models: [model], options: options, metrics: metrics)
    }

    private func request(_ image: any EncodedImage, client: String = "", deadline: ContinuousClock.Instant? = nil) -> InferenceRequest {
        InferenceRequest(inputs: [.image(image)], model: model, deadline: deadline, client: client)
    }

    @Test("do not hold others up, however many they are", arguments: [1, 2, 4])
    func neighbours(threads: Int) throws {
        let metrics = Metrics()
        let pool = try pool(threads: threads, metrics: metrics)
        defer { pool.close() }
        let (gate, answers) = (Gate(), Answers())
        defer { gate.open() }
        let held = HeldImage(bytes: heavy, gate: gate)
        pool.submit(InferenceRequest(images: Array(repeating: held, count: 10), model: model)) { answers.add($0) }
        for _ in 0..<5 { #expect(pool.infer(request(try TestImages.jpeg())).error == nil) }
        #expect(answers.all.isEmpty)
        let decoders = pool.options.heavyDecoders
        #expect(eventually { pool.monitor.withLock(\.heavy.waiting) == 10 - decoders })
        let exposition = try Exposition(metrics.render())
        #expect(exposition.value("excite_heavy_queue_depth") == Double(10 - decoders))
        #expect(try #require(exposition.value("excite_decode_memory_bytes")) >= Double(decoders * 4_000_000))
        #expect(exposition.value("excite_decode_memory_limit_bytes") == Double(threads * 16 << 20))
        gate.open()
        let alone = pool.infer(request(heavy)).bits
        for answer in answers.sorted(10) { #expect(answer.bits == alone && alone != nil) }
        let afterwards = try Exposition(metrics.render())
        #expect(afterwards.value("excite_heavy_images_total") == 11)
        #expect(afterwards.value("excite_decode_memory_bytes") == 0)
    }

    @Test("wait until there is memory for them")
    func room() throws {
        // Two decoders for such images, and room for one.
        let pool = try pool(threads: 4) { $0.decodeMemory = 8 << 20 }
        defer { pool.close() }
        let (gate, answers) = (Gate(), Answers())
        for index in 0..<2 { pool.submit(request(HeldImage(bytes: heavy, gate: gate)), to: answers, index) }
        #expect(eventually { pool.monitor.withLock(\.heavy.waiting) == 1 })
        let next = pool.monitor.withLock { $0.heavy.take() }
        #expect(next == nil)
        gate.open()
        #expect(answers.sorted(2).map(\.error) == [nil, nil])
    }

    @Test("one that needs more than there is at all is refused alone, and not decoded")
    func tooLarge() throws {
        let metrics = Metrics()
        let pool = try pool(metrics: metrics)
        defer { pool.close() }
        let results = Monitor<[Answers.Answer]?>(nil)
        let (small, huge) = (try TestImages.jpeg(), emptyScans(width: 4000, height: 4000))
        pool.submit(InferenceRequest(images: [small, huge, small], model: model)) { answers in results.withLock { $0 = answers } }
        #expect(eventually { results.withLock { $0 != nil } })
        let errors = try #require(results.withLock { $0 }).map(\.error)
        guard case .decodeMemoryTooLarge(let needed, 12 << 20) = errors[1] else {
            Issue.record("not refused: \(errors)")
            return
        }
        #expect(needed > 32_000_000)
        #expect(errors[0] == nil && errors[2] == nil)
        #expect(try Exposition(metrics.render()).value("excite_rejected_total", ["reason": "decode_memory"]) == 1)
    }

    @Test("a request may ask for so much decoding, and is refused whole beyond it")
    func requestBudget() throws {
        let metrics = Metrics()
        let pool = try pool(metrics: metrics) { $0.decodeBudget = .milliseconds(20) }
        defer { pool.close() }
        let results = Monitor<[Answers.Answer]?>(nil)
        let several = InferenceRequest(images: Array(repeating: heavy, count: 4), model: model)
        pool.submit(several) { answers in results.withLock { $0 = answers } }
        let errors = try #require(results.withLock { $0 }, "refused at once").map(\.error)
        guard case .decodeTimeTooLong(let needed, .milliseconds(20)) = errors[0] else {
            Issue.record("not refused: \(errors)")
            return
        }
        #expect(needed > .milliseconds(20) && errors.allSatisfy { $0 == errors[0] })
        #expect(try Exposition(metrics.render()).value("excite_rejected_total", ["reason": "decode_budget"]) == 4)
        #expect(pool.infer(request(heavy)).error == nil)
    }

    @Test("a client has so much of them in hand; its other images and other clients are served")
    func clientBudget() throws {
        let pool = try pool {
            $0.decodeBudget = .milliseconds(10)
            $0.isTrustedClient = { $0 == "proxy" }
        }
        defer { pool.close() }
        let (gate, answers) = (Gate(), Answers())
        let held = HeldImage(bytes: heavy, gate: gate)
        pool.submit(request(held, client: "a"), to: answers, 0)
        guard case .tooMuchDecodingForClient(let retryAfter) = pool.infer(request(heavy, client: "a")).error else {
            Issue.record("not refused")
            return
        }
        #expect(retryAfter > .zero && retryAfter < .seconds(60))
        #expect(pool.infer(request(try TestImages.jpeg(), client: "a")).error == nil)
        pool.submit(request(held, client: "b"), to: answers, 1)
        for index in 2...3 { pool.submit(request(held, client: "proxy"), to: answers, index) }
        gate.open()
        #expect(answers.sorted(4).map(\.error) == [nil, nil, nil, nil])
        #expect(pool.infer(request(heavy, client: "a")).error == nil, "its own is done")
    }

    @Test("many requests of one client with ordinary ones do not keep all ordinary decoders busy")
    func clientShare() throws {
        let pool = try pool { $0.decodeMemory = 512 << 20 }
        defer { pool.close() }
        // Estimated at 63 ms.
        let image = emptyScans(width: 1000, height: 1000, scans: 200)
        func heavyImages(of client: String) throws -> Int {
            let cost = try image.withBytes { try pool.options.decoder.inspect($0).cost }
            return pool.monitor.withLock { $0.demand([cost], of: client).heavyImages }
        }
        let (gate, answers) = (Gate(), Answers())
        let held = HeldImage(bytes: image, gate: gate)
        for index in 0..<20 { pool.submit(request(held, client: "a"), to: answers, index) }
        #expect(pool.monitor.withLock(\.heavy.inHand) > .milliseconds(20 * 60 - 500))
        #expect(try heavyImages(of: "a") == 1)
        #expect(try heavyImages(of: "b") == 0)
        gate.open()
        #expect(answers.sorted(20).allSatisfy { $0.error == nil })
        #expect(try heavyImages(of: "a") == 0, "its own are done")
    }

    @Test("have a queue of their own, as long as the others'")
    func queue() throws {
        let pool = try pool { $0.queue = 2 }
        defer { pool.close() }
        let (gate, answers) = (Gate(), Answers())
        let held = HeldImage(bytes: heavy, gate: gate)
        for index in 0..<3 {
            pool.submit(request(held), to: answers, index)
            #expect(eventually { pool.monitor.withLock(\.heavy.waiting) == index })
        }
        guard case .overloaded = pool.infer(request(heavy)).error else {
            Issue.record("not refused")
            return
        }
        #expect(pool.infer(request(try TestImages.jpeg())).error == nil, "that is no matter of the others")
        gate.open()
        #expect(answers.sorted(3).map(\.error) == [nil, nil, nil])
    }

    @Test("are given up as soon as the client has left, or the deadline has passed")
    func abandoned() throws {
        let pool = try pool { $0.decodeMemory = 512 << 20 }
        defer { pool.close() }
        let questions = Monitor(0)
        var left = request(emptyScans(width: 4096, height: 4096, scans: 100))
        left.clientHasLeft = {
            questions.withLock {
                $0 += 1
                return $0 > 1
            }
        }
        #expect(pool.infer(left).error == .clientLeft, "it was there when its turn came")
        let (gate, answers) = (Gate(), Answers())
        let deadline = ContinuousClock.now + .seconds(2)
        pool.submit(request(HeldImage(bytes: try TestImages.jpeg(), gate: gate), deadline: deadline), to: answers, 0)
        #expect(eventually { ContinuousClock.now > deadline })
        gate.open()
        #expect(answers.sorted(1).map(\.error) == [.deadlinePassed], "it was not when its turn came")
    }

    @Test("whose decoding alone goes past their deadline are refused at once")
    func deadline() throws {
        let pool = try pool { $0.decodeMemory = 512 << 20 }
        defer { pool.close() }
        // Estimated at three quarters of a second.
        let slow = emptyScans(width: 4096, height: 4096, scans: 140)
        guard case .deadlineTooSoon = pool.infer(request(slow, deadline: .now + .milliseconds(500))).error else {
            Issue.record("not refused")
            return
        }
        #expect(pool.refuse(InferenceRequest(inputs: [], model: model, deadline: .now + .seconds(3600))) == nil)
    }

    @Test("slow runs do not make an idle server refuse everybody")
    func lockout() throws {
        let pool = try pool()
        defer { pool.close() }
        pool.monitor.withLock { state in
            state.models.update(model) { served in for _ in 0..<100 { served.cost.follow(images: 1, seconds: 1000) } }
        }
        let (gate, answers) = (Gate(), Answers())
        pool.submit(request(HeldImage(bytes: heavy, gate: gate), deadline: .now + .seconds(100)), to: answers, 0)
        guard case .deadlineTooSoon = pool.infer(request(heavy, deadline: .now + .seconds(100))).error else {
            Issue.record("what is known counts while there is work")
            return
        }
        gate.open()
        #expect(answers.sorted(1).map(\.error) == [nil])
        #expect(pool.infer(request(heavy, deadline: .now + .seconds(100))).error == nil, "it is idle")
    }
}
