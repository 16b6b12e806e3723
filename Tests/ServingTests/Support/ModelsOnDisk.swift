import Foundation
import Testing
import Threads

@testable import SENet
@testable import Serving

/// A folder of models, put there as a careful operator does: whole folders, renamed into their places.
final class ModelsOnDisk: Sendable {
    let folder: TemporaryFolder
    var path: String { folder.url.path }

    init() throws { folder = try TemporaryFolder() }

    /// A model with labels of its own: `word-0`, `word-1`, … Models of different numbers of classes answer differently.
    static func model(_ word: String, classes: Int, channels: [Int] = [16, 32, 48, 64]) throws -> TinyModel {
        try TinyModel(tag: word, classes: classes, channels: channels) { config in
            config["label_names"] = (0..<classes).map { "\(word)-\($0)" }
        }
    }

    /// Puts a model's folder there, in place of what was there.
    func put(_ model: TinyModel, _ name: String) throws {
        let (files, place) = (FileManager.default, folder.url.appending(path: name))
        try files.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
        let beside = folder.url.appending(path: ".\(UUID().uuidString)")
        try files.copyItem(at: URL(filePath: model.path), to: beside)
        if files.fileExists(atPath: place.path) { try remove(name) }
        try files.moveItem(at: beside, to: place)
    }

    func put(_ word: String, classes: Int, _ name: String) throws { try put(Self.model(word, classes: classes), name) }

    func remove(_ name: String) throws {
        let away = folder.url.appending(path: ".\(UUID().uuidString)")
        try FileManager.default.moveItem(at: folder.url.appending(path: name), to: away)
        try FileManager.default.removeItem(at: away)
    }

    func path(_ name: String) -> String { folder.path(name) }
}

/// A store with a pool of its own, and what it has reported.
final class StoreUnderTest: Sendable {
    let store: ModelStore
    let metrics = Metrics()
    let pool: EnginePool

    init(_ repository: ModelRepository, memory: Int? = nil, watch: Duration? = nil, waiting: Int = 256) throws {
        Engine.prepareProcess()
        var options = EnginePool.Options(threads: 2)
        options.queue = 1000
        pool = try EnginePool(models: [], options: options, metrics: metrics)
        var configuration = ModelStore.Options(repository: repository, memory: memory, watch: watch) { (folder) throws(ModelError) in
            try ModelSource(folder: folder)
        }
        configuration.waiting = waiting
        store = ModelStore(configuration, pool: pool, metrics: metrics)
    }

    convenience init(_ disk: ModelsOnDisk, versions: Int = 1, memory: Int? = nil, watch: Duration? = nil, waiting: Int = 256) throws {
        try self.init(ModelRepository(folder: disk.path, versions: versions), memory: memory, watch: watch, waiting: waiting)
    }

    deinit { store.close() }

    /// The best label of an image, and the error where there is none.
    func ask(
        _ reference: ModelReference = ModelReference(), image: [UInt8], deadline: Duration? = nil,
        _ answer: @escaping @Sendable (Result<Answer, Failure>) -> Void
    ) {
        store.withModel(reference, deadline: deadline.map { .now + $0 }) { [pool] found in
            switch found {
            case .failure(let error): answer(.failure(.lookup(error)))
            case .success(let model):
                pool.submit(InferenceRequest(inputs: [.image(image)], model: model)) { results in
                    switch results[0] {
                    case .success(let inference):
                        let best = inference.predictions(1, of: model)[0]
                        answer(.success(Answer(id: model.id, label: best.label, score: best.score)))
                    case .failure(let error): answer(.failure(.inference(error)))
                    }
                }
            }
        }
    }

    /// The same, waited for.
    func ask(_ reference: ModelReference = ModelReference(), image: [UInt8], deadline: Duration? = nil) throws -> Answer {
        let (result, isHere) = (Monitor<Result<Answer, Failure>?>(nil), Condition())
        ask(reference, image: image, deadline: deadline) { answer in
            result.withLock { $0 = answer }
            isHere.signal()
        }
        return try result.wait(on: isHere) { $0 }.get()
    }

    func ask(_ name: String, image: [UInt8]) throws -> Answer { try ask(ModelReference(name), image: image) }

    /// Has a model loaded or unloaded, and waits.
    func change(_ verb: (String, @escaping @Sendable (String?) -> Void) -> Void, _ name: String) -> String? {
        let (result, isHere) = (Monitor<String??>(nil), Condition())
        verb(name) { wrong in
            result.withLock { $0 = .some(wrong) }
            isHere.signal()
        }
        return result.wait(on: isHere) { $0 }
    }

    func value(_ metric: String, _ labels: [String: String] = [:]) throws -> Double? {
        try Exposition(metrics.render()).value(metric, labels)
    }

    func states() -> [String: String] {
        Dictionary(store.statuses.map { ($0.id.description, $0.state.rawValue) }) { first, _ in first }
    }

    struct Answer: Sendable, Hashable {
        var id: ModelID
        var label: String
        var score: Float
    }

    enum Failure: Error, Equatable {
        case lookup(ModelLookupError)
        case inference(InferenceError)
    }
}
