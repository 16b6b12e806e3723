import Foundation
import Testing
import Threads

@testable import SENet
@testable import Serving

@Suite("Models that are loaded anew")
struct ModelReloadTests {
    @Test("while a model is replaced again and again every request is answered, by one of the two and in its own words")
    func swapped() throws {
        let (disk, image) = (try ModelsOnDisk(), try TestImages.jpeg("cat"))
        let models = [try ModelsOnDisk.model("one", classes: 10), try ModelsOnDisk.model("two", classes: 7)]
        var expected: [StoreUnderTest.Answer] = []
        for model in models {
            try disk.put(model, "cats")
            let test = try StoreUnderTest(disk)
            #expect(try test.store.start() == nil)
            expected.append(try test.ask(image: image))
        }
        #expect(expected[0].label.hasPrefix("one-") && expected[1].label.hasPrefix("two-"))

        let test = try StoreUnderTest(disk)
        #expect(try test.store.start() == nil)
        let answers = Monitor<(counts: [StoreUnderTest.Answer: Int], failures: [String], isOver: Bool)>(([:], [], false))
        let arrival = Condition()
        let clients = 6
        let ended = Monitor(0)
        for _ in 0..<clients {
            Thread.detachNewThread {
                while !answers.withLock(\.isOver) {
                    let result = Result { try test.ask("cats", image: image) }
                    answers.withLock { state in
                        switch result {
                        case .success(let answer): state.counts[answer, default: 0] += 1
                        case .failure(let error): state.failures.append("\(error)")
                        }
                    }
                }
                ended.withLock { $0 += 1 }
                arrival.signal()
            }
        }
        for round in 0..<20 {
            try disk.put(models[round % 2], "cats")
            #expect(test.change(test.store.load, "cats") == nil)
            // Answered by the new one before the next takes its place.
            #expect(try test.ask("cats", image: image) == expected[round % 2])
        }
        answers.withLock { $0.isOver = true }
        ended.wait(on: arrival) { $0 == clients ? () : nil }
        let (counts, failures) = answers.withLock { ($0.counts, $0.failures) }
        #expect(failures == [])
        #expect(Set(counts.keys) == Set(expected))
        #expect(test.pool.models.count == 1)
        #expect(try test.value("excite_model_loads_total") == 21)
        #expect(try test.value("excite_model_load_failures_total") == 0)
    }

    static let damages: [(String, @Sendable (ModelsOnDisk) throws -> Void, String)] = [
        (
            "weights cut off",
            { try FileHandle(forWritingTo: URL(filePath: $0.path("cats/model.safetensors"))).truncate(atOffset: 5000) }, "cut off"
        ),
        ("no weights", { try FileManager.default.removeItem(atPath: $0.path("cats/model.safetensors")) }, "model.safetensors"),
        ("no configuration", { try FileManager.default.removeItem(atPath: $0.path("cats/config.json")) }, "config.json"),
        ("a broken configuration", { try $0.folder.write("{\"architecture\":", to: "cats/config.json") }, "config.json"),
        (
            "a self-test that fails",
            { disk in
                try disk.folder.write(Data(try TestImages.jpeg()), to: "cats/self-test.jpg")
                try disk.folder.write(#"{"image": "self-test.jpg", "predictions": [{"index": 0, "score": 2}]}"#, to: "cats/self-test.json")
            }, "self-test"
        ),
    ]

    @Test("what cannot be loaded changes nothing for the one that is served, and is told", arguments: damages.indices)
    func broken(damage: Int) throws {
        let (disk, image) = (try ModelsOnDisk(), try TestImages.jpeg("cat"))
        try disk.put("one", classes: 10, "cats")
        let test = try StoreUnderTest(disk)
        #expect(try test.store.start() == nil)
        let before = try test.ask(image: image)
        let (_, break_, word) = Self.damages[damage]
        try disk.put("two", classes: 7, "cats")
        try break_(disk)
        let wrong = try #require(test.change(test.store.load, "cats"))
        #expect(wrong.contains(word))
        #expect(test.store.statuses.map(\.error) == [wrong])
        #expect(test.states() == ["cats": "serving"])
        #expect(try test.ask(image: image) == before)
        #expect(test.pool.models.count == 1)
        #expect(try test.value("excite_model_load_failures_total") == 1)
        #expect(try test.value("excite_models_broken") == 1)
        try disk.put("two", classes: 7, "cats")
        #expect(test.change(test.store.load, "cats") == nil)
        #expect(try test.ask(image: image).label.hasPrefix("two-"))
        #expect(test.store.statuses.map(\.error) == [nil])
        #expect(try test.value("excite_models_broken") == 0)
    }

    @Test("weights that are written over in place while they are loaded are an error, and the process lives")
    func overwritten() throws {
        let (disk, image) = (try ModelsOnDisk(), try TestImages.jpeg("cat"))
        try disk.put("one", classes: 10, "cats")
        let path = disk.path("cats/model.safetensors")
        let bytes = try Data(contentsOf: URL(filePath: path))
        let changing = Monitor(false)
        var configuration = ModelStore.Options(repository: ModelRepository(folder: disk.path)) { (folder) throws(ModelError) in
            let source = try ModelSource(folder: folder)
            // Between the look at the folder and the reading of the weights.
            if changing.withLock({ $0 }) { try? FileHandle(forWritingTo: URL(filePath: path)).truncate(atOffset: UInt64(bytes.count / 2)) }
            return source
        }
        configuration.waiting = 1
        let pool = try EnginePool(models: [], options: .init(threads: 1))
        let store = ModelStore(configuration, pool: pool)
        defer { store.close() }
        #expect(try store.start() == nil)
        changing.withLock { $0 = true }
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: path)
        let (result, isHere) = (Monitor<String??>(nil), Condition())
        store.load("cats") { wrong in
            result.withLock { $0 = .some(wrong) }
            isHere.signal()
        }
        #expect(result.wait(on: isHere) { $0 }?.contains("cut off") == true)
        #expect(pool.infer(InferenceRequest(inputs: [.image(image)], model: try #require(pool.models.first))).bits != nil)
    }

    @Test("a folder that cannot be read lets nothing go; one that is gone does, and its counts with it")
    func gone() throws {
        let (disk, image) = (try ModelsOnDisk(), try TestImages.jpeg("cat"))
        try disk.put("one", classes: 10, "models/cats")
        try disk.put("two", classes: 7, "models/dogs")
        let repository = ModelRepository(folder: disk.path("models"))
        let test = try StoreUnderTest(repository)
        let keeper = ModelKeeper(test.store, repository)
        keeper.scan(isPatient: false)
        #expect(try test.ask("cats", image: image).label.hasPrefix("one-"))
        #expect(try test.ask("dogs", image: image).label.hasPrefix("two-"))
        #expect(try test.value("excite_batch_size_count", ["model": "dogs"]) == 1)
        try FileManager.default.moveItem(atPath: disk.path("models"), toPath: disk.path(".away"))
        keeper.scan(isPatient: false)
        #expect(test.states() == ["cats": "serving", "dogs": "serving"])
        try FileManager.default.moveItem(atPath: disk.path(".away"), toPath: disk.path("models"))
        try disk.remove("models/dogs")
        keeper.scan(isPatient: false)
        #expect(test.states() == ["cats": "serving"])
        #expect(throws: StoreUnderTest.Failure.lookup(.unknownModel("dogs", served: ["cats"]))) { try test.ask("dogs", image: image) }
        let left = try Exposition(test.metrics.render()).samples.filter { $0.labels["model"] == "dogs" }
        #expect(left.map(\.name) == [])
    }

    @Test("a folder that is watched is taken when it has looked the same twice, one in parts not before it is whole")
    func watched() throws {
        let disk = try ModelsOnDisk()
        let repository = ModelRepository(folder: disk.path)
        let test = try StoreUnderTest(repository)
        let keeper = ModelKeeper(test.store, repository)
        let whole = try ModelsOnDisk.model("one", classes: 10)
        let weights = try Data(contentsOf: URL(filePath: whole.path + "/model.safetensors"))
        try disk.folder.write(try Data(contentsOf: URL(filePath: whole.path + "/config.json")), to: "cats/config.json")
        func scan(_ times: Int) { for _ in 0..<times { keeper.scan(isPatient: true) } }
        scan(5)
        #expect(test.states() == ["cats": "loading"])
        // A download in place that has stopped for a while.
        try disk.folder.write(weights.prefix(weights.count / 2), to: "cats/model.safetensors")
        scan(5)
        #expect(test.states() == ["cats": "loading"])
        #expect(try test.value("excite_model_load_failures_total") == 0)
        try disk.folder.write(weights, to: "cats/model.safetensors")
        scan(1)
        #expect(test.states() == ["cats": "loading"])
        scan(1)
        #expect(test.states() == ["cats": "serving"])
        // Nothing is loaded again that is as it was.
        scan(3)
        #expect(try test.value("excite_model_loads_total") == 1)
        // Cut off for good: after some time it is told.
        try disk.folder.write(weights.prefix(weights.count / 2), to: "cats/model.safetensors")
        scan(10)
        #expect(try test.value("excite_model_load_failures_total") == 0)
        scan(30)
        #expect(try test.value("excite_model_load_failures_total") == 1)
        #expect(test.states() == ["cats": "serving"])
        try disk.remove("cats")
        scan(1)
        #expect(test.states() == ["cats": "serving"])
        scan(1)
        #expect(test.states() == [:])
    }
}
