/// How often a model is right, counted image by image.
public struct Evaluation: Sendable {
    /// Right and wrong answers for some images.
    public struct Tally: Sendable, Equatable {
        public internal(set) var images = 0
        /// Images whose class was not the first prediction.
        public internal(set) var top1Errors = 0
        /// Images whose class was not among the first five.
        public internal(set) var top5Errors = 0
    }

    /// Images of one class that were taken for another.
    public struct Confusion: Sendable, Hashable {
        public var target: Int
        public var predicted: Int
    }

    public private(set) var total = Tally()
    /// By the class that the images show.
    public private(set) var classes: [Int: Tally] = [:]
    private var confusions: [Confusion: Int] = [:]

    public init() {}

    /// - Parameter predictions: indices of classes, best first; five of them, or all where there are fewer.
    public mutating func add(target: Int, predictions: [Int]) {
        let isFirst = predictions.first == target
        let isAmongFive = predictions.prefix(5).contains(target)
        func count(_ tally: inout Tally) {
            tally.images += 1
            if !isFirst { tally.top1Errors += 1 }
            if !isAmongFive { tally.top5Errors += 1 }
        }
        count(&total)
        count(&classes[target, default: Tally()])
        if let first = predictions.first, !isFirst { confusions[Confusion(target: target, predicted: first), default: 0] += 1 }
    }

    /// The classes with the largest share of top-1 errors, worst first; of equal ones the one with more top-5 errors, then more images.
    public func worstClasses(_ count: Int) -> [(target: Int, tally: Tally)] {
        func rank(_ target: Int, _ tally: Tally) -> (Double, Double, Int, Int) {
            let images = Double(tally.images)
            return (-Double(tally.top1Errors) / images, -Double(tally.top5Errors) / images, -tally.images, target)
        }
        return classes.sorted { rank($0.key, $0.value) < rank($1.key, $1.value) }.prefix(count).map { ($0.key, $0.value) }
    }

    /// Which class is most often taken for which, most frequent first.
    public func confusions(_ count: Int) -> [(confusion: Confusion, images: Int)] {
        confusions.sorted { (-$0.value, $0.key.target, $0.key.predicted) < (-$1.value, $1.key.target, $1.key.predicted) }
            .prefix(count).map { ($0.key, $0.value) }
    }

    /// The interval that holds the true share of errors with 95 % confidence, after `errors` among `images` drawn at random: Wilson's score
    /// interval (J. Am. Stat. Assoc. 22, 1927), which stays within 0 and 1 and is sensible for few images too.
    public static func confidenceInterval(errors: Int, of images: Int) -> ClosedRange<Double> {
        guard images > 0 else { return 0...1 }
        let z = 1.959963984540054
        let (count, share) = (Double(images), Double(errors) / Double(images))
        let scale = 1 / (1 + z * z / count)
        let middle = scale * (share + z * z / (2 * count))
        let half = scale * z * (share * (1 - share) / count + z * z / (4 * count * count)).squareRoot()
        return max(0, min(middle - half, share))...min(1, max(middle + half, share))
    }
}
