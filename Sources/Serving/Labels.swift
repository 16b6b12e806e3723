import SENet

/// What the classes of a model are called.
public struct Labels: Sendable {
    /// Short names, WordNet ids for ImageNet's classes.
    public let names: [String]
    /// For people: `tabby, tabby cat`.
    public let descriptions: [String]

    /// The configuration's own labels; ImageNet-1k's where it has none and 1,000 classes; else the classes' numbers.
    public init(_ configuration: Configuration) {
        if let own = configuration.labelNames {
            names = own
            descriptions = own.map { configuration.labelDescriptions[$0] ?? $0 }
        } else if configuration.classes == 1000 {
            let rows = Self.imageNet1kTable.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 1) }
            names = rows.map { String($0[0]) }
            descriptions = rows.map { String($0[1]) }
        } else {
            names = (0..<configuration.classes).map(String.init)
            descriptions = names.map { "class \($0)" }
        }
    }
}
