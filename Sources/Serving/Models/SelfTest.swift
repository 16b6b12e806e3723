import FoundationEssentials
import SENet

/// An image that lies beside a model with the classes that the training framework gives for it, or `excite quantize` of what it has made:
/// `self-test.json`.
///
/// A server that decodes, resizes or computes differently from what the model was made with must not say that it is ready.
public struct SelfTest: Codable, Sendable, Equatable {
    /// The image's file name, in the same folder.
    public var image: String
    /// Best first.
    public var predictions: [Expected]
    /// What they were computed in; nil for float32.
    public var precision: Precision?

    public struct Expected: Codable, Sendable, Equatable {
        public var index: Int
        public var score: Float
    }

    /// Scores may differ by this much: in float32 the order of summation differs between instruction sets, and what is rounded to fewer bits
    /// may then be rounded to the other side; in fewer bits than were recorded a score is another, but not that of another image.
    private func tolerance(_ precision: Precision) -> Float {
        switch precision {
        case .float32: 1e-4
        case recorded: 0.01
        case .bfloat16: 0.05
        case .int8: 0.15
        }
    }

    private var recorded: Precision { precision ?? .float32 }

    /// The self-test in a model's folder; nil if it has none.
    ///
    /// - Throws: `ModelError.configuration` if there is one that cannot be read.
    public static func load(folder: String) throws(ModelError) -> SelfTest? {
        let path = "\(folder)/self-test.json"
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        let test: SelfTest
        do {
            test = try JSONDecoder().decode(SelfTest.self, from: data)
        } catch {
            throw .configuration("\(path): \(error)")
        }
        // A test of nothing would always pass.
        guard !test.predictions.isEmpty else { throw .configuration("\(path): 'predictions' is empty") }
        return test
    }

    /// What is wrong with an answer; nil if it is as recorded: in float32 class for class, else for each recorded class.
    ///
    /// - Parameter predictions: of all classes, best first.
    public func difference(from predictions: [Prediction], in precision: Precision) -> String? {
        let tolerance = tolerance(precision)
        guard precision == .float32 else { return scoreDifference(from: predictions, tolerance: tolerance) }
        for (rank, (expected, found)) in zip(self.predictions, predictions).enumerated() {
            if expected.index != found.index { return "class \(rank + 1) of \(image) is \(found.index), recorded was \(expected.index)" }
            if !(abs(expected.score - found.score) <= tolerance) {
                return "score \(rank + 1) of \(image) is \(found.score), recorded was \(expected.score)"
            }
        }
        return self.predictions.count > predictions.count ? "\(image) has only \(predictions.count) classes" : nil
    }

    private func scoreDifference(from predictions: [Prediction], tolerance: Float) -> String? {
        for expected in self.predictions {
            guard let found = predictions.first(where: { $0.index == expected.index }) else {
                return "\(image) has only \(predictions.count) classes"
            }
            if !(abs(expected.score - found.score) <= tolerance) {
                return "the score of class \(expected.index) of \(image) is \(found.score), recorded was \(expected.score)"
            }
        }
        return nil
    }
}

extension EnginePool {
    /// Runs each model's self-test image as a request would.
    ///
    /// - Returns: what is wrong, nil if all answers are as recorded.
    /// - Throws: `ModelError` if a self-test cannot be read.
    public func selfTest() throws(ModelError) -> String? {
        for model in models {
            if let difference = try selfTest(model) { return difference }
        }
        return nil
    }

    /// The same for one model.
    public func selfTest(_ model: Model) throws(ModelError) -> String? {
        guard let folder = model.source.folder, let test = try SelfTest.load(folder: folder) else { return nil }
        switch try answer(to: test, in: folder, by: model) {
        case .success(let predictions): return test.difference(from: predictions, in: model.plan.precision).map { "\(model.name): \($0)" }
        case .failure(let error): return "\(model.name): \(test.image): \(error)"
        }
    }

    /// Every class, best first.
    private func answer(to test: SelfTest, in folder: String, by model: Model) throws(ModelError) -> Result<[Prediction], InferenceError> {
        guard let data = FileManager.default.contents(atPath: "\(folder)/\(test.image)") else {
            throw .file("\(folder)/\(test.image): cannot be read; self-test.json names it")
        }
        return infer(InferenceRequest(image: Array(data), model: model)).map { $0.predictions(model.plan.classes, of: model) }
    }

    /// Gives a model that was made of another the other's self-test: its image, with what the model itself answers, which every server of it
    /// must answer, too.
    ///
    /// - Parameter folder: the other's.
    /// - Returns: what is wrong with the answer by what was recorded of the other; nil if it is as near as the precision lets expect, or if
    ///   there is no self-test.
    /// - Throws: `ModelError` if the self-test cannot be read, answered or written.
    public func takeOverSelfTest(of folder: String, for model: Model) throws(ModelError) -> String? {
        guard let own = model.source.folder, let test = try SelfTest.load(folder: folder) else { return nil }
        let predictions: [Prediction]
        switch try answer(to: test, in: folder, by: model) {
        case .success(let all): predictions = all
        case .failure(let error): throw .file("\(folder)/\(test.image): \(error)")
        }
        var taken = test
        taken.image = URL(filePath: test.image).lastPathComponent
        taken.precision = model.plan.precision
        taken.predictions = predictions.prefix(test.predictions.count).map { SelfTest.Expected(index: $0.index, score: $0.score) }
        let path = "\(own)/self-test.json"
        do {
            try Data(contentsOf: URL(filePath: "\(folder)/\(test.image)")).write(to: URL(filePath: "\(own)/\(taken.image)"))
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(taken).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw .cannotWrite(path, error)
        }
        return test.difference(from: predictions, in: model.plan.precision)
    }
}
