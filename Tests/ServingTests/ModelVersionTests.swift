import Foundation
import Testing

@testable import SENet
@testable import Serving

@Suite("Several models and versions")
struct ModelVersionTests {
    private let image = Result { try TestImages.jpeg("cat") }

    private func ask(_ test: StoreUnderTest, _ name: String?, version: String? = nil) throws -> String {
        try test.ask(ModelReference(name, version: version), image: image.get()).id.description
    }

    @Test("the highest version serves; a newer one takes its place, one that cannot be loaded does not")
    func newest() throws {
        let disk = try ModelsOnDisk()
        try disk.put("nine", classes: 9, "cats/9")
        try disk.put("ten", classes: 10, "cats/10")
        let test = try StoreUnderTest(disk)
        #expect(try test.store.start() == nil)
        #expect(try ask(test, "cats") == "cats@10")
        #expect(try ask(test, nil) == "cats@10")
        #expect(throws: StoreUnderTest.Failure.lookup(.unknownVersion("9", of: "cats", served: ["10"]))) { try ask(test, "cats@9") }
        try disk.put("eleven", classes: 11, "cats/11")
        try FileManager.default.removeItem(atPath: disk.path("cats/11/model.safetensors"))
        #expect(test.change(test.store.load, "cats")?.contains("model.safetensors") == true)
        #expect(try ask(test, "cats") == "cats@10")
        #expect(test.states() == ["cats@10": "serving", "cats@11": "failed"])
        try disk.put("eleven", classes: 11, "cats/11")
        #expect(test.change(test.store.load, "cats") == nil)
        #expect(try ask(test, "cats") == "cats@11")
        #expect(test.states() == ["cats@11": "serving"])
        #expect(test.pool.models.count == 1)
        // Back: the newer one is taken away.
        try disk.remove("cats/11")
        #expect(test.change(test.store.load, "cats") == nil)
        test.store.rescan()
        #expect(eventually { test.states() == ["cats@10": "serving"] })
        #expect(try ask(test, "cats") == "cats@10")
    }

    @Test("as many versions are served as are asked for, by number and by sign")
    func several() throws {
        let disk = try ModelsOnDisk()
        for version in 1...3 { try disk.put("v", classes: 6 + version, "timm/cats/\(version)") }
        let test = try StoreUnderTest(disk, versions: 2)
        #expect(try test.store.start() == nil)
        #expect(test.states() == ["timm/cats@3": "serving", "timm/cats@2": "serving"])
        #expect(try ask(test, "timm/cats") == "timm/cats@3")
        #expect(try ask(test, "cats", version: "2") == "timm/cats@2")
        #expect(try ask(test, "cats@2") == "timm/cats@2")
        #expect(throws: StoreUnderTest.Failure.lookup(.unknownVersion("1", of: "timm/cats", served: ["3", "2"]))) {
            try ask(test, "cats", version: "1")
        }
        #expect(throws: StoreUnderTest.Failure.lookup(.unknownModel("cat", served: ["timm/cats"]))) { try ask(test, "cat") }
    }

    @Test("where several are served and none has a folder of its own, a request has to say which; the first that has one is asked else")
    func standard() throws {
        let disk = try ModelsOnDisk()
        try disk.put("a", classes: 7, "a")
        try disk.put("b", classes: 8, "b")
        let open = try StoreUnderTest(disk)
        #expect(try open.store.start() == nil)
        #expect(throws: StoreUnderTest.Failure.lookup(.severalModels(["a", "b"]))) { try ask(open, nil) }
        // A folder of its own that is in the folder of models is served once.
        let named = try StoreUnderTest(ModelRepository(named: [.init(folder: disk.path("b"), name: "b")], folder: disk.path))
        #expect(try named.store.start() == nil)
        #expect(try ask(named, nil) == "b")
        #expect(named.states() == ["a": "serving", "b": "serving"])
    }

    @Test("a model that has a folder of its own must load; others must not")
    func start() throws {
        let disk = try ModelsOnDisk()
        try disk.put("a", classes: 7, "a")
        try disk.folder.write("{}", to: "b/config.json")
        let whole = try StoreUnderTest(disk)
        #expect(try whole.store.start() == nil)
        #expect(whole.states() == ["a": "serving", "b": "failed"])
        #expect(whole.store.isServing)
        #expect(try ask(whole, nil) == "a")
        #expect(throws: StoreUnderTest.Failure.self) { try ask(whole, "b") }
        #expect(throws: ModelError.self) { try StoreUnderTest(ModelRepository(named: [.init(folder: disk.path("b"))])).store.start() }
        #expect(throws: ModelError.self) { try StoreUnderTest(ModelRepository(folder: disk.path("absent"))).store.start() }
        let nothing = try TemporaryFolder()
        let empty = try StoreUnderTest(ModelRepository(folder: nothing.url.path))
        #expect(try withExtendedLifetime(nothing) { try empty.store.start() } == nil)
        #expect(!empty.store.isServing)
        #expect(throws: StoreUnderTest.Failure.lookup(.noModel)) { try ask(empty, nil) }
    }

    @Test("an operator unloads a model, whose requests are told so, and loads it again")
    func unloaded() throws {
        let disk = try ModelsOnDisk()
        try disk.put("a", classes: 7, "a")
        let test = try StoreUnderTest(disk)
        #expect(try test.store.start() == nil)
        #expect(test.change(test.store.unload, "a") == nil)
        #expect(test.states() == ["a": "unloaded"])
        #expect(test.pool.models == [])
        #expect(throws: StoreUnderTest.Failure.lookup(.unloaded(ModelID(name: "a")))) { try ask(test, "a") }
        // It stays unloaded.
        test.store.rescan()
        #expect(test.change(test.store.load, "absent")?.contains("absent") == true)
        #expect(test.states() == ["a": "unloaded"])
        #expect(test.change(test.store.load, "a") == nil)
        // At once, not when a request comes.
        #expect(test.states() == ["a": "serving"])
        #expect(try ask(test, "a") == "a")
    }
}
