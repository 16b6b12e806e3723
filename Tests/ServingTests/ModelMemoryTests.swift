import Foundation
import Testing
import Threads

@testable import SENet
@testable import Serving

@Suite("The memory for models")
struct ModelMemoryTests {
    /// A folder with models a, b, c …, all of the same size, and that size in bytes.
    private func models(_ count: Int) throws -> (disk: ModelsOnDisk, bytes: Int) {
        let (disk, model) = (try ModelsOnDisk(), try ModelsOnDisk.model("m", classes: 10))
        for index in 0..<count { try disk.put(model, String(UnicodeScalar(UInt8(97 + index)))) }
        return (disk, try model.load().plan.weightBytes)
    }

    private func loaded(_ test: StoreUnderTest) -> String {
        test.states().filter { $0.value == "serving" }.keys.sorted().joined()
    }

    @Test("models that were asked longest ago are unloaded for others, and loaded again when they are asked")
    func leastRecentlyUsed() throws {
        let ((disk, bytes), image) = (try models(4), try TestImages.jpeg("cat"))
        let test = try StoreUnderTest(disk, memory: 2 * bytes)
        #expect(try test.store.start() == nil)
        #expect(loaded(test).count == 2)
        for name in ["a", "b", "c", "a", "d", "a", "b"] {
            #expect(try test.ask(name, image: image).id.name == name)
            #expect(loaded(test).contains(name) && loaded(test).count <= 2)
            #expect(try #require(try test.value("excite_model_memory_bytes")) <= Double(2 * bytes))
        }
        #expect(loaded(test) == "ab")
        #expect(test.pool.models.count == 2)
        #expect(try test.ask("d", image: image).id.name == "d")
        #expect(loaded(test) == "bd")
        #expect(test.states()["a"] == "unloaded")
    }

    @Test("a model that is larger than all the memory is refused, and the others are served")
    func tooLarge() throws {
        let ((disk, bytes), image) = (try models(1), try TestImages.jpeg("cat"))
        try disk.put(ModelsOnDisk.model("large", classes: 10, channels: [64, 128, 256, 512]), "z")
        let test = try StoreUnderTest(disk, memory: bytes)
        #expect(try test.store.start() == nil)
        #expect(try test.ask("a", image: image).id.name == "a")
        let error = #expect(throws: StoreUnderTest.Failure.self) { try test.ask("z", image: image) }
        guard case .lookup(.failed(_, let reason)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("--model-memory"))
        #expect(loaded(test) == "a")
    }

    @Test("many clients of more models than there is room for are all answered, by the models that they named")
    func mixed() throws {
        let (disk, image) = (try ModelsOnDisk(), try TestImages.jpeg("cat"))
        let words = ["a", "b", "c", "d", "e"]
        for (index, word) in words.enumerated() { try disk.put(word, classes: 6 + index, word) }
        let bytes = try ModelsOnDisk.model("e", classes: 10).load().plan.weightBytes
        let test = try StoreUnderTest(disk, memory: 2 * bytes)
        #expect(try test.store.start() == nil)
        let (answers, arrival) = (Monitor<[String]>([]), Condition())
        let (clients, rounds) = (4, 20)
        for client in 0..<clients {
            Thread.detachNewThread {
                var random = SplitMix(seed: UInt64(client))
                for _ in 0..<rounds {
                    let word = words[Int(random.next() % 5)]
                    let answer = (try? test.ask(word, image: image).label) ?? "none"
                    answers.withLock { $0.append(answer.hasPrefix("\(word)-") ? "right" : "\(word): \(answer)") }
                    arrival.signal()
                }
            }
        }
        let all = answers.wait(on: arrival) { $0.count == clients * rounds ? $0 : nil }
        #expect(Set(all) == ["right"])
        #expect(try #require(try test.value("excite_model_evictions_total")) > 0)
    }

    /// A store whose folders cannot be read before a gate is opened.
    private func held(
        _ disk: ModelsOnDisk, memory: Int, waiting: Int, _ gate: Gate, _ isHeld: Monitor<Bool>
    ) throws -> (ModelStore, EnginePool) {
        Engine.prepareProcess()
        var options = ModelStore.Options(repository: ModelRepository(folder: disk.path), memory: memory) { (folder) throws(ModelError) in
            if isHeld.withLock({ $0 }) { gate.pass() }
            return try ModelSource(folder: folder)
        }
        options.waiting = waiting
        let pool = try EnginePool(models: [], options: .init(threads: 1))
        return (ModelStore(options, pool: pool), pool)
    }

    @Test("while a model is loaded others answer, as many requests wait as may, and none longer than its deadline")
    func waiting() throws {
        let ((disk, bytes), image) = (try models(2), try TestImages.jpeg("cat"))
        let (gate, isHeld) = (Gate(), Monitor(false))
        let (store, pool) = try held(disk, memory: bytes, waiting: 2, gate, isHeld)
        defer {
            gate.open()
            store.close()
        }
        #expect(try store.start() == nil)
        #expect(store.statuses.map(\.state) == [.serving, .unloaded])
        isHeld.withLock { $0 = true }
        let found = Monitor<[String]>([])
        let isHere = Condition()
        func ask(_ name: String, deadline: Duration? = nil) {
            store.withModel(ModelReference(name), deadline: deadline.map { .now + $0 }) { result in
                let text: String
                switch result {
                case .success(let model): text = model.name
                case .failure(let error): text = "\(error)"
                }
                found.withLock { $0.append(text) }
                isHere.signal()
            }
        }
        ask("b", deadline: .milliseconds(5))
        #expect(found.wait(on: isHere) { $0.first }.contains("deadlinePassed"))
        ask("b")
        ask("b")
        // The third is one too many, and is told so at once.
        ask("b")
        #expect(found.withLock { $0.last }?.contains("overloaded") == true)
        let a = try #require(pool.models.first)
        #expect(pool.infer(InferenceRequest(inputs: [.image(image)], model: a)).bits != nil)
        ask("a")
        #expect(found.withLock { $0.last } == "a")
        gate.open()
        #expect(found.wait(on: isHere) { $0.count == 5 ? $0[3...].joined() : nil } == "bb")
        #expect(store.statuses.map(\.state) == [.unloaded, .serving])
    }
}
