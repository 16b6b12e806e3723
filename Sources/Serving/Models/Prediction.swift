import Glibc

/// One class and its probability.
public struct Prediction: Sendable, Equatable {
    public var index: Int
    /// Softmax over all classes.
    public var score: Float
    /// The class's short name: a WordNet id, say.
    public var name: String
    /// The class's name for people.
    public var label: String
}

extension Prediction {
    /// The `count` most probable classes, best first; of equal ones the lower index first. Exponentials and their sum in double.
    public static func best(_ count: Int, of logits: [Float], labels: Labels) -> [Prediction] {
        let largest = Double(logits.max() ?? 0)
        var total = 0.0
        for logit in logits { total += exp(Double(logit) - largest) }
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
        return best.map { index in
            Prediction(
                index: index, score: Float(exp(Double(logits[index]) - largest) / total), name: labels.names[index],
                label: labels.descriptions[index])
        }
    }
}
