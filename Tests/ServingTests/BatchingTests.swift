import Foundation
import Imaging
import Testing

@testable import Serving

@Suite("Images in batches")
struct BatchingTests {
    private let model: Model
    /// Each image's answer when it is alone.
    private let alone: [String: [[UInt32]]]

    init() throws {
        let model = try TinyModel().load()
        self.model = model
        let pool = try EnginePool(models: [model], options: .init(threads: 1))
        defer { pool.close() }
        alone = try Dictionary(
            uniqueKeysWithValues: TestImages.names.map { name in
                let request = ClassificationRequest(image: try TestImages.jpeg(name), model: model, top: 10)
                return (name, try #require(pool.classify(request).scores))
            })
    }

    @Test("the test's images have different answers")
    func different() { #expect(Set(alone.values).count >= 6) }

    @Test("an answer depends on its image alone, bit for bit, in a batch of any size", arguments: 1...16)
    func batched(size: Int) throws {
        let held = try HeldPool([model])
        let names = (0..<size).map { TestImages.names[($0 * 3 + size) % TestImages.names.count] }
        for name in names { held.submit(ClassificationRequest(image: try TestImages.jpeg(name), model: model, top: 10)) }
        try held.decodeAll()
        for (name, answer) in zip(names, held.finish()) {
            #expect(try answer.get().batchSize == size)
            #expect(answer.scores == alone[name], "\(name)")
        }
    }

    @Test("a broken image gets its own error and does not disturb its neighbours")
    func brokenNeighbours() throws {
        let held = try HeldPool([model])
        let broken = try TestImages.broken()
        for (index, name) in TestImages.names.enumerated() {
            held.submit(ClassificationRequest(image: broken[index % broken.count].bytes, model: model))
            held.submit(ClassificationRequest(image: try TestImages.jpeg(name), model: model, top: 10))
        }
        try held.decodeAll()
        let answers = held.finish()
        for (index, name) in TestImages.names.enumerated() {
            guard case .image(let error) = answers[2 * index].error else {
                Issue.record("no error of the image, but \(answers[2 * index])")
                continue
            }
            #expect(error.description.contains(broken[index % broken.count].reason))
            #expect(answers[2 * index + 1].scores == alone[name])
            #expect(try answers[2 * index + 1].get().batchSize == TestImages.names.count)
        }
    }

    @Test("an answer does not depend on the number of threads", arguments: [2, 3, 17])
    func threads(count: Int) throws {
        let pool = try EnginePool(models: [model], options: .init(threads: count))
        defer { pool.close() }
        let answers = Answers()
        let names = (0..<40).map { TestImages.names[$0 % TestImages.names.count] }
        for (index, name) in names.enumerated() {
            pool.submit(ClassificationRequest(image: try TestImages.jpeg(name), model: model, top: 10)) { answers.add(index, $0) }
        }
        for (name, answer) in zip(names, answers.sorted(names.count)) { #expect(answer.scores == alone[name]) }
    }

    @Test("more images than the largest batch run in several")
    func severalBatches() throws {
        let held = try HeldPool([model], largestBatch: 4)
        for _ in 0..<10 { held.submit(ClassificationRequest(image: try TestImages.jpeg(), model: model)) }
        try held.decodeAll()
        #expect(try held.finish().map { try $0.get().batchSize } == [4, 4, 4, 4, 4, 4, 4, 4, 2, 2])
        let exposition = try Exposition(held.metrics.render())
        #expect(exposition.value("excite_batches_total", ["released": "full"]) == 2)
        let small = exposition.value("excite_batches_total", ["released": "session_free"])
        #expect(small == 2, "the last one, and the one that held the session")
    }

    @Test("two models take turns")
    func roundRobin() throws {
        let other = try TinyModel(tag: "other", classes: 7).load()
        let held = try HeldPool([model, other], largestBatch: 2)
        for _ in 0..<5 { held.submit(ClassificationRequest(image: try TestImages.jpeg(), model: model, top: 7)) }
        for _ in 0..<4 { held.submit(ClassificationRequest(image: try TestImages.jpeg(), model: other, top: 7)) }
        try held.decodeAll()
        _ = held.finish()
        // The first model held the session, so the other one is next.
        #expect(held.answers.all.map(\.index) == [5, 6, 0, 1, 7, 8, 2, 3, 4])
        #expect(held.answers.all.allSatisfy { (try? $0.answer.get().predictions.count) == 7 })
    }

    @Test("an answer tells of its image and of where the time went")
    func description() throws {
        let pool = try EnginePool(models: [model], options: .init(threads: 2))
        defer { pool.close() }
        let answer = try pool.classify(ClassificationRequest(image: try TestImages.jpeg("gray"), model: model, top: 3)).get()
        #expect(answer.image.format == .jpeg)
        #expect(answer.image.colorMode == .gray)
        #expect(answer.predictions.count == 3)
        #expect(answer.decode > .zero && answer.queue >= .zero && answer.inference > .zero)
        #expect(answer.batchSize == 1)
    }
}
