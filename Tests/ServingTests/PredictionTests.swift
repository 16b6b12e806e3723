import Foundation
import SENet
import Testing

@testable import Serving

@Suite("The best predictions")
struct PredictionTests {
    private func best(
        _ count: Int, _ logits: [Float], _ activation: Configuration.OutputActivation = .softmax
    ) throws -> [Prediction] {
        let labels = Labels(try Configuration(json: Data(#"{"architecture": "seresnet18", "num_classes": \#(logits.count)}"#.utf8)))
        return Prediction.best(count, of: logits, labels: labels, activation: activation)
    }

    @Test("come best first, with their labels")
    func order() throws {
        let predictions = try best(3, [0.5, 3, -1, 2, 1])
        #expect(predictions.map(\.index) == [1, 3, 4])
        #expect(predictions.map(\.name) == ["1", "3", "4"])
        #expect(predictions.map(\.label) == ["class 1", "class 3", "class 4"])
    }

    @Test("have the softmax as their scores")
    func softmax() throws {
        let logits: [Float] = [1, 2, 3]
        let total = logits.reduce(0) { $0 + exp(Double($1)) }
        for prediction in try best(3, logits) {
            #expect(prediction.score == Float(exp(Double(logits[prediction.index])) / total))
        }
    }

    @Test("of one output, or of several labels at once, have a sigmoid each")
    func sigmoid() throws {
        #expect(try best(1, [0], .sigmoid).map(\.score) == [0.5])
        #expect(try best(1, [-1e4], .sigmoid).map(\.score) == [0])
        let logits: [Float] = [3, -2, 3.5]
        let predictions = try best(3, logits, .sigmoid)
        #expect(predictions.map(\.index) == [2, 0, 1])
        #expect(predictions.map(\.score) == predictions.map { Float(1 / (1 + exp(-Double(logits[$0.index])))) })
    }

    @Test("of equal logits come by index")
    func ties() throws {
        #expect(try best(3, [1, 2, 2, 1, 2, 2]).map(\.index) == [1, 2, 4])
        #expect(try best(4, [0, 0, 0, 0]).map(\.index) == [0, 1, 2, 3])
        #expect(try best(4, [0, 0, 0, 0]).map(\.score) == [0.25, 0.25, 0.25, 0.25])
    }

    @Test("are as sorting all of them would give", arguments: [1, 2, 5, 99, 100])
    func sorting(count: Int) throws {
        // Few different values, so that there are many ties.
        let logits = WeightFormula.uniform(name: "logits", count: 100).map { Float(Int($0 * 20)) }
        let sorted = logits.indices.sorted { logits[$0] == logits[$1] ? $0 < $1 : logits[$0] > logits[$1] }
        #expect(try best(count, logits).map(\.index) == Array(sorted.prefix(count)))
    }

    @Test("of all classes have scores that sum to 1")
    func sum() throws {
        let logits = WeightFormula.uniform(name: "logits", count: 1000).map { Float($0 * 12) }
        let predictions = try best(1000, logits)
        #expect(predictions.count == 1000)
        #expect(abs(predictions.reduce(0) { $0 + Double($1.score) } - 1) < 1e-6)
    }

    @Test("of extreme logits have scores that are numbers")
    func extremes() throws {
        #expect(try best(2, [1e4, -1e4]).map(\.score) == [1, 0])
        #expect(try best(3, [-1e4, -1e4, -2e4]).map(\.score) == [0.5, 0.5, 0])
        #expect(try best(2, [1e4, 1e4]).map(\.score) == [0.5, 0.5])
    }

    @Test("are never more than the classes")
    func more() throws {
        #expect(try best(5, [1, 2]).map(\.index) == [1, 0])
        #expect(try best(0, [1, 2]).isEmpty)
        #expect(try best(1, [7]).map(\.score) == [1])
    }
}
