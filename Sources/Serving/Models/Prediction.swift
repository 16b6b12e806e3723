import Glibc
import SENet

/// One class and its probability.
public struct Prediction: Sendable, Equatable {
    public var index: Int
    /// Softmax over all classes; the sigmoid of the class's own logit where classes do not exclude each other.
    public var score: Float
    /// The class's short name: a WordNet id, say.
    public var name: String
    /// The class's name for people.
    public var label: String
    /// Its other names.
    public var synonyms: [String]
}

extension Prediction {
    /// The `count` most probable classes, best first; of equal ones the lower index first. Exponentials and their sum in double.
    public static func best(
        _ count: Int, of logits: [Float], labels: Labels, activation: Configuration.OutputActivation
    ) -> [Prediction] {
        // Insertion into a short sorted list: `count` is small beside the classes.
        var best: [Int] = []
        best.reserveCapacity(count + 1)
        for index in logits.indices {
            if best.count == count, let last = best.last, logits[last] >= logits[index] { continue }
            var place = best.endIndex
            while place > 0, logits[best[place - 1]] < logits[index] { place -= 1 }
            best.insert(index, at: place)
            if best.count > count { best.removeLast() }
        }
        let score = scoring(logits, activation)
        return best.map { index in
            Prediction(
                index: index, score: Float(score(logits[index])), name: labels.names[index], label: labels.spoken[index],
                synonyms: labels.synonyms[index])
        }
    }

    /// The scores of all classes, in their order.
    static func scores(of logits: [Float], activation: Configuration.OutputActivation) -> [Float] {
        let score = scoring(logits, activation)
        return logits.map { Float(score($0)) }
    }

    /// What makes a score of a logit.
    private static func scoring(_ logits: [Float], _ activation: Configuration.OutputActivation) -> (Float) -> Double {
        switch activation {
        case .sigmoid: return { 1 / (1 + exp(-Double($0))) }
        case .softmax:
            let largest = Double(logits.max() ?? 0)
            let total = logits.reduce(0) { $0 + exp(Double($1) - largest) }
            return { exp(Double($0) - largest) / total }
        }
    }
}
