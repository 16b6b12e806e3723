import Foundation
import SENet
import Testing

@testable import Serving

@Suite("The self-test")
struct SelfTestTests {
    /// The outcome for a tiny model with these files beside it.
    private func outcome(_ write: (TemporaryFolder, [Prediction]) throws -> Void) throws -> String? {
        let tiny = try TinyModel()
        let model = try tiny.load()
        let pool = try EnginePool(models: [model], options: .init(threads: 2))
        defer { pool.close() }
        let image = try TestImages.jpeg("cat")
        let predictions = try pool.infer(InferenceRequest(image: image, model: model)).get().predictions(5, of: model)
        try tiny.folder.get().write(Data(image), to: "self-test.jpg")
        try write(tiny.folder.get(), predictions)
        return try withExtendedLifetime(tiny) { try pool.selfTest() }
    }

    /// `self-test.json` with what was predicted, changed.
    private func recorded(_ predictions: [Prediction], change: (inout [(index: Int, score: Float)]) -> Void = { _ in }) -> String {
        var rows = predictions.map { (index: $0.index, score: $0.score) }
        change(&rows)
        let list = rows.map { #"{"index": \#($0.index), "class": "ignored", "score": \#($0.score)}"# }.joined(separator: ", ")
        return #"{"image": "self-test.jpg", "predictions": [\#(list)]}"#
    }

    @Test("passes for the model that comes with the program")
    func embedded() throws {
        let model = try Model.prepared(ModelSource(folder: Embedded.folder))
        let pool = try EnginePool(models: [model], options: .init(threads: 2))
        defer { pool.close() }
        #expect(try SelfTest.load(folder: Embedded.folder)?.predictions.count == 5)
        #expect(try pool.selfTest() == nil)
    }

    @Test("passes where there is none, and where the answer is as recorded")
    func passes() throws {
        #expect(try outcome { _, _ in } == nil)
        #expect(try outcome { try $0.write(recorded($1), to: "self-test.json") } == nil)
        #expect(try outcome { try $0.write(recorded($1) { $0[0].score += 5e-5 }, to: "self-test.json") } == nil)
    }

    @Test("is refused where it records nothing: it could never fail")
    func empty() {
        #expect(throws: ModelError.self) { try outcome { folder, _ in try folder.write(recorded([]), to: "self-test.json") } }
    }

    @Test("fails for another score, and says which")
    func wrongScore() throws {
        let reason = try outcome { try $0.write(recorded($1) { $0[1].score += 0.01 }, to: "self-test.json") }
        #expect(reason?.hasPrefix("seresnet18.tiny: score 2 of self-test.jpg is ") == true)
    }

    @Test("fails for another class, and says which")
    func wrongClass() throws {
        let reason = try outcome { try $0.write(recorded($1) { $0.swapAt(0, 1) }, to: "self-test.json") }
        #expect(reason?.hasPrefix("seresnet18.tiny: class 1 of self-test.jpg is ") == true)
    }

    @Test("allows for fewer bits, not for another answer")
    func precisions() throws {
        func difference(_ scores: [Float], in precision: Precision) throws -> String? {
            let test = try JSONDecoder().decode(
                SelfTest.self,
                from: Data(#"{"image": "x.jpg", "predictions": [{"index": 2, "score": 0.52}, {"index": 0, "score": 0.46}]}"#.utf8))
            let ranked = scores.enumerated().sorted { $0.element > $1.element }
            let predictions = ranked.map { Prediction(index: $0.offset, score: $0.element, name: "", label: "", synonyms: []) }
            return test.difference(from: predictions, in: precision)
        }
        #expect(try Precision.allCases.map { try difference([0.46, 0.02, 0.52], in: $0) } == [nil, nil, nil])
        // Near enough to change places.
        #expect(try Precision.allCases.map { try difference([0.5, 0.02, 0.48], in: $0) == nil } == [false, true, true])
        #expect(try Precision.allCases.map { try difference([0.4, 0.2, 0.4], in: $0) == nil } == [false, false, true])
        #expect(try Precision.allCases.map { try difference([0.1, 0.8, 0.1], in: $0) == nil } == [false, false, false])
        #expect(try difference([0.5, 0.5], in: .bfloat16) == "x.jpg has only 2 classes")
        #expect(try difference([.nan, 0.1, 0.5], in: .int8) != nil)
    }

    @Test("goes over to a model that is made of another, with that model's own answers, and says where these are far off")
    func takenOver() throws {
        let other = try TinyModel()
        let tiny = try TinyModel()
        let model = try tiny.load()
        let pool = try EnginePool(models: [model], options: .init(threads: 2))
        defer { pool.close() }
        #expect(try pool.takeOverSelfTest(of: other.path, for: model) == nil)
        #expect(try SelfTest.load(folder: tiny.path) == nil, "there was none")

        let image = try TestImages.jpeg("cat")
        let predictions = try pool.infer(InferenceRequest(image: image, model: model)).get().predictions(5, of: model)
        try other.folder.get().write(Data(image), to: "cat.jpg")
        try other.folder.get().write(
            recorded(predictions) { $0[1].score += 0.2 }.replacing(
                "self-test.jpg", with: "../\(URL(filePath: other.path).lastPathComponent)/cat.jpg"),
            to: "self-test.json")
        let difference = try pool.takeOverSelfTest(of: other.path, for: model)
        #expect(difference?.hasPrefix("score 2 of ") == true, "\(difference ?? "")")
        let taken = try #require(try SelfTest.load(folder: tiny.path))
        #expect(taken.image == "cat.jpg" && taken.precision == .float32)
        #expect(taken.predictions == predictions.map { SelfTest.Expected(index: $0.index, score: $0.score) })
        #expect(try pool.selfTest() == nil)
    }

    @Test("that was recorded in few bits allows for one code more or less, no more")
    func recordedInFewBits() throws {
        let test = SelfTest(image: "x.jpg", predictions: [.init(index: 1, score: 0.5), .init(index: 0, score: 0.495)], precision: .int8)
        func difference(_ scores: [Float]) -> String? {
            let predictions = scores.enumerated().map { Prediction(index: $0.offset, score: $0.element, name: "", label: "", synonyms: []) }
            return test.difference(from: predictions.sorted { $0.score > $1.score }, in: .int8)
        }
        #expect(difference([0.495, 0.5]) == nil)
        #expect(difference([0.5, 0.495]) == nil)
        #expect(difference([0.52, 0.48])?.contains("the score of class 1") == true)
    }

    @Test("fails where more classes are recorded than there are")
    func tooMany() throws {
        let reason = try outcome { folder, _ in
            let request = (0..<11).map { Prediction(index: $0, score: 0, name: "", label: "", synonyms: []) }
            try folder.write(recorded(request), to: "self-test.json")
        }
        #expect(reason != nil)
    }

    @Test("fails for a broken image, and says why")
    func brokenImage() throws {
        let reason = try outcome {
            try $0.write("not a JPEG", to: "self-test.jpg")
            try $0.write(recorded($1), to: "self-test.json")
        }
        #expect(reason?.contains("self-test.jpg") == true)
        #expect(reason?.contains("not served") == true)
    }

    @Test(
        "that cannot be read is an error of the model",
        arguments: ["", "[]", #"{"image": "x.jpg"}"#, #"{"image": "none.jpg", "predictions": []}"#])
    func unreadable(text: String) throws {
        #expect(throws: ModelError.self) { try outcome { folder, _ in try folder.write(text, to: "self-test.json") } }
    }
}
