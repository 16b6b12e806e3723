import Foundation
import Imaging
import Testing
import Threads

@testable import Serving

@Suite("Images in batches")
struct BatchingTests {
    private let model: Model
    /// Each image's answer when it is alone.
    private let alone: [String: [UInt32]]

    init() throws {
        let model = try TinyModel().load()
        self.model = model
        let pool = try EnginePool(models: [model], options: .init(threads: 1))
        defer { pool.close() }
        alone = try Dictionary(
            uniqueKeysWithValues: TestImages.names.map { name in
                let request = InferenceRequest(image: try TestImages.jpeg(name), model: model)
                return (name, try #require(pool.infer(request).bits))
            })
    }

    @Test("the test's images have different answers")
    func different() { #expect(Set(alone.values).count >= 6) }

    @Test("an answer depends on its image alone, bit for bit, in a batch of any size", arguments: 1...16)
    func batched(size: Int) throws {
        let held = try HeldPool([model])
        let names = (0..<size).map { TestImages.names[($0 * 3 + size) % TestImages.names.count] }
        for name in names { held.submit(InferenceRequest(image: try TestImages.jpeg(name), model: model)) }
        held.decodeAll()
        for (name, answer) in zip(names, held.finish()) {
            #expect(try answer.get().batchSize == size)
            #expect(answer.bits == alone[name], "\(name)")
        }
    }

    @Test("a broken image gets its own error and does not disturb its neighbours")
    func brokenNeighbours() throws {
        let held = try HeldPool([model])
        let broken = try TestImages.broken()
        for (index, name) in TestImages.names.enumerated() {
            held.submit(InferenceRequest(image: broken[index % broken.count].bytes, model: model))
            held.submit(InferenceRequest(image: try TestImages.jpeg(name), model: model))
        }
        held.decodeAll()
        let answers = held.finish()
        for (index, name) in TestImages.names.enumerated() {
            guard case .image(let error) = answers[2 * index].error else {
                Issue.record("no error of the image, but \(answers[2 * index])")
                continue
            }
            #expect(error.description.contains(broken[index % broken.count].reason))
            #expect(answers[2 * index + 1].bits == alone[name])
            #expect(try answers[2 * index + 1].get().batchSize == TestImages.names.count)
        }
    }

    @Test("an answer does not depend on the number of threads", arguments: [2, 3, 17])
    func threads(count: Int) throws {
        var options = EnginePool.Options(threads: count)
        options.queue = 40
        let pool = try EnginePool(models: [model], options: options)
        defer { pool.close() }
        let answers = Answers()
        let names = (0..<40).map { TestImages.names[$0 % TestImages.names.count] }
        for (index, name) in names.enumerated() {
            pool.submit(InferenceRequest(image: try TestImages.jpeg(name), model: model), to: answers, index)
        }
        for (name, answer) in zip(names, answers.sorted(names.count)) { #expect(answer.bits == alone[name]) }
    }

    @Test("more images than the largest batch run in several")
    func severalBatches() throws {
        let held = try HeldPool([model]) { $0.largestBatch = 4 }
        for _ in 0..<10 { held.submit(InferenceRequest(image: try TestImages.jpeg(), model: model)) }
        held.decodeAll()
        #expect(try held.finish().map { try $0.get().batchSize } == [4, 4, 4, 4, 4, 4, 4, 4, 2, 2])
        let exposition = try Exposition(held.metrics.render())
        #expect(exposition.value("excite_batches_total", ["released": "full"]) == 2)
        let small = exposition.value("excite_batches_total", ["released": "session_free"])
        #expect(small == 2, "the last one, and the one that held the session")
    }

    @Test("a request's images go to as many lanes as they fill")
    func severalLanes() throws {
        var options = EnginePool.Options(threads: 16)
        options.largestBatch = 4
        options.stragglerWait = .seconds(3600)
        let pool = try EnginePool(models: [model], options: options)
        defer { pool.close() }
        let (gate, answers) = (Gate(), Answers())
        let image = HeldImage(bytes: try TestImages.jpeg(), gate: gate)
        pool.submit(InferenceRequest(images: Array(repeating: image, count: 8), model: model)) { answers.add($0) }
        #expect(eventually { pool.waiting == 0 }, "decoders of both lanes have taken them")
        gate.open()
        #expect(try answers.sorted(8).map { try $0.get().batchSize } == Array(repeating: 4, count: 8))
    }

    @Test("two models take turns")
    func roundRobin() throws {
        let other = try TinyModel(tag: "other", classes: 7).load()
        let held = try HeldPool([model, other]) { $0.largestBatch = 2 }
        for _ in 0..<5 { held.submit(InferenceRequest(image: try TestImages.jpeg(), model: model)) }
        held.decodeAll()
        for _ in 0..<4 { held.submit(InferenceRequest(image: try TestImages.jpeg(), model: other)) }
        _ = held.finish()
        #expect(held.answers.all.map(\.index) == [0, 1, 5, 6, 2, 3, 7, 8, 4])
        #expect(held.answers.all.allSatisfy { $0.answer.error == nil })
    }

    @Test("a session waits for a fuller batch as long as it is told to", arguments: [2, 3])
    func maxDelay(images: Int) throws {
        let metrics = Metrics()
        var options = EnginePool.Options(threads: 1)
        options.largestBatch = 3
        options.maxDelay = images == 3 ? .seconds(3600) : .seconds(2)
        // However slow the machine is, no image is left behind.
        options.stragglerWait = .seconds(3600)
        let pool = try EnginePool(models: [model], options: options, metrics: metrics)
        let answers = Answers()
        let image = try TestImages.jpeg()
        if images == 3 {
            for index in 0..<images {
                pool.submit(InferenceRequest(image: image, model: model), to: answers, index)
                if index < 2 {
                    #expect(eventually { pool.isGathered })
                    #expect(answers.all.isEmpty)
                }
            }
        } else {
            // Together, so that both have come before the delay is over, however slow the machine is.
            pool.submit(InferenceRequest(images: [image, image], model: model)) { answers.add($0) }
        }
        for answer in answers.sorted(images) { #expect(try answer.get().batchSize == images) }
        pool.close()
        let exposition = try Exposition(metrics.render())
        #expect(exposition.value("excite_batches_total", ["released": images == 3 ? "full" : "delay"]) == 1)
    }

    @Test("a batch does not grow past the deadlines of those that it has")
    func deadlineCutsBatch() throws {
        let held = try HeldPool([model])
        // An image takes 100 s, it is believed, and with what may go wrong 125 s: two are done in 300 s, three are not.
        held.pool.monitor.withLock { $0.models.update(model) { $0.cost.begin(seconds: 100) } }
        let image = try TestImages.jpeg()
        held.submit(InferenceRequest(image: image, model: model, deadline: .now + .seconds(300)))
        for _ in 0..<4 { held.submit(InferenceRequest(image: image, model: model)) }
        #expect(eventually { held.pool.waiting == 3 })
        #expect(try held.finish().map { try $0.get().batchSize } == [2, 2, 3, 3, 3])
        #expect(try Exposition(held.metrics.render()).value("excite_batches_total", ["released": "deadline"]) == 1)
    }

    @Test(
        "a session does not wait for a fuller batch while another model's images wait, nor when the pool closes", arguments: [true, false])
    func maxDelayCutShort(closing: Bool) throws {
        let other = try TinyModel(tag: "other", classes: 7).load()
        var options = EnginePool.Options(threads: 1)
        options.maxDelay = .seconds(3600)
        let pool = try EnginePool(models: [model, other], options: options)
        let answers = Answers()
        pool.submit(InferenceRequest(image: try TestImages.jpeg(), model: model), to: answers, 0)
        #expect(eventually { pool.isGathered })
        if !closing {
            pool.submit(InferenceRequest(image: try TestImages.jpeg(), model: other), to: answers, 1)
            #expect(answers.sorted(1).first?.error == nil)
            #expect(answers.all.map(\.index) == [0])
        }
        pool.close()
        #expect(answers.sorted(closing ? 1 : 2).allSatisfy { $0.error == nil })
    }

    @Test("an image that takes long to decode rides with a later batch, and its neighbours do not wait for it", arguments: [1, 2, 9])
    func straggler(threads: Int) throws {
        var options = EnginePool.Options(threads: threads)
        options.stragglerWait = .milliseconds(1)
        options.queue = 100
        let metrics = Metrics()
        let pool = try EnginePool(models: [model], options: options, metrics: metrics)
        let (gate, answers) = (Gate(), Answers())
        let held = HeldImage(bytes: try TestImages.jpeg("cat"), gate: gate)
        if threads > 1 {
            pool.submit(InferenceRequest(image: held, model: model), to: answers, 0)
            #expect(eventually { pool.waiting == 0 })
            pool.submit(InferenceRequest(image: try TestImages.jpeg("gray"), model: model), to: answers, 1)
        } else {
            // The only decoder takes both, the quick one first.
            let both = InferenceRequest(images: [try TestImages.jpeg("gray"), held], model: model)
            pool.submit(both) { for (index, answer) in $0.reversed().enumerated() { answers.add(index, answer) } }
        }
        if threads > 1 {
            #expect(eventually { answers.all.count == 1 })
            #expect(answers.all.map(\.index) == [1])
        }
        // Others are served meanwhile, by as many decoders as ever.
        let more = Answers()
        for index in 0..<20 {
            pool.submit(InferenceRequest(image: try TestImages.jpeg("cat"), model: model), to: more, index)
        }
        for answer in more.sorted(20) { #expect(answer.bits == alone["cat"]) }
        gate.open()
        let both = answers.sorted(2)
        #expect(both[0].bits == alone["cat"])
        #expect(both[1].bits == alone["gray"])
        pool.close()
        let stragglers = try Exposition(metrics.render()).value("excite_batches_total", ["released": "straggler"])
        #expect(try #require(stragglers) >= 1)
    }

    @Test("an answer tells of its image and of where the time went")
    func description() throws {
        let pool = try EnginePool(models: [model], options: .init(threads: 2))
        defer { pool.close() }
        let answer = try pool.infer(InferenceRequest(image: try TestImages.jpeg("gray"), model: model)).get()
        #expect(answer.image?.format == .jpeg)
        #expect(answer.image?.colorMode == .gray)
        #expect(answer.logits.count == 10)
        #expect(answer.predictions(3, of: model) == Prediction.best(3, of: answer.logits, labels: model.labels, activation: .softmax))
        #expect(answer.decode > .zero && answer.queue >= .zero && answer.inference > .zero)
        #expect(answer.batchSize == 1)
    }
}
