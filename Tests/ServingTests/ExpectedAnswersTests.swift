import Foundation
import Imaging
import SENet
import Testing

@testable import Serving

@Suite("PyTorch's answers", .enabled(if: Shared.isPresent, Shared.comment))
struct ExpectedAnswersTests {
    struct Expected: Decodable {
        var index: Int
        var `class`: String
        var score: Float
    }

    @Test("are those of the model beside them: labels in order, scores within 1e-4")
    func expected() throws {
        let model = try Model.prepared(ModelSource(folder: Shared.folder.appending(path: "model").path))
        var options = EnginePool.Options(threads: 2)
        options.queue = 1000
        // They were recorded without turning photographs upright: one of them lies on its side.
        options.decoder.exif = .ignore
        let pool = try EnginePool(models: [model], options: options)
        defer { pool.close() }
        let file = Shared.folder.appending(path: "model/expected.json")
        let expected = try JSONDecoder().decode([String: [Expected]].self, from: Data(contentsOf: file))
        #expect(expected.count >= 100)
        let names = expected.keys.sorted()
        let answers = Answers()
        for (index, name) in names.enumerated() {
            let files = ["photos", "free"].map { Shared.folder.appending(path: "images/\($0)/\(name)") }
            let file = try #require(files.first { FileManager.default.fileExists(atPath: $0.path) }, "\(name) is in neither folder")
            pool.submit(InferenceRequest(image: Array(try Data(contentsOf: file)), model: model), to: answers, index)
        }
        for (name, answer) in zip(names, answers.sorted(names.count)) {
            let (found, wanted) = (try answer.get().predictions(5, of: model), try #require(expected[name]))
            #expect(found.map(\.index) == wanted.map(\.index), "\(name)")
            #expect(found.map(\.name) == wanted.map(\.class), "\(name)")
            for (found, wanted) in zip(found, wanted) { #expect(abs(found.score - wanted.score) <= 1e-4, "\(name)") }
        }
    }
}
