import SENet

/// What the classes of a model are called.
public struct Labels: Sendable {
    /// Short names, WordNet ids for ImageNet's classes.
    public let names: [String]
    /// Names for people in full, as the training framework has them: `tabby, tabby cat`.
    public let descriptions: [String]
    /// What a person would say: `tabby cat`.
    public let spoken: [String]
    /// What tells each class from all others: `tabby cat`, and with the short name where another is called the same: `crane (n02012849)`.
    public let unique: [String]
    /// The other names of each class.
    public let synonyms: [[String]]

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
        let said = descriptions.map(Self.say)
        spoken = said.map(\.name)
        unique = Self.unique(spoken, names)
        synonyms = said.map(\.others)
    }

    /// A class's name for people out of a list of names, and the others.
    ///
    /// The first name stands for the class, unless a later one is the same with a word more: `tabby, tabby cat` is a tabby cat, `hip, rose hip,
    /// rosehip` a rose hip. (A species is named in Latin: `gorilla, Gorilla gorilla` stays a gorilla.)
    static func say(_ description: String) -> (name: String, others: [String]) {
        var others = description.split(separator: ",").map(\.trimmed).filter { !$0.isEmpty }
        guard let first = others.first else { return (description, []) }
        let index =
            others.firstIndex { name in
                guard name.count > first.count, name.hasPrefix("\(first) ") || name.hasSuffix(" \(first)") else { return false }
                let words = name.lowercased().split(separator: " ")
                return Set(words).count == words.count
            } ?? 0
        let name = others.remove(at: index)
        return (name, others)
    }

    private static func unique(_ spoken: [String], _ names: [String]) -> [String] {
        let uses = Dictionary(spoken.map { ($0, 1) }, uniquingKeysWith: +)
        var taken = Set(uses.filter { $0.value == 1 }.keys)
        return zip(spoken, names).enumerated().map { index, label in
            if uses[label.0] == 1 { return label.0 }
            let long = "\(label.0) (\(label.1))"
            let found = taken.contains(long) ? "\(long) #\(index)" : long
            taken.insert(found)
            return found
        }
    }

    /// The class that is called so: by its short name, else by its name for people, else by a synonym; nil where none is, or several are.
    public func index(of name: String) -> Int? {
        func find(_ isCalled: (Int) -> Bool) -> [Int] { names.indices.filter(isCalled) }
        let wanted = name.lowercased()
        let found = [
            find { names[$0].lowercased() == wanted }, find { unique[$0].lowercased() == wanted },
            find { spoken[$0].lowercased() == wanted },
            find { synonyms[$0].contains { $0.lowercased() == wanted } },
        ].first { !$0.isEmpty }
        return found?.count == 1 ? found?.first : nil
    }

    /// A file's classes, one a line in the classifier's order: a WordNet id and a description, or a name alone.
    ///
    /// - Throws: `ModelError.file` if it cannot be read or has an empty line between others.
    public static func parse(file path: String) throws(ModelError) -> [(name: String, description: String?)] {
        let text = String(decoding: try InputFile.contents(path), as: UTF8.self)
        var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .map { $0.trimmed }
        while lines.last?.isEmpty == true { lines.removeLast() }
        if let empty = lines.firstIndex(of: "") { throw .file("\(path): line \(empty + 1) is empty, but each line is a class") }
        return lines.map { line in
            guard let match = line.wholeMatch(of: /(n[0-9]{8})[\s,]+(.+)/) else { return (line, nil) }
            return (String(match.1), String(match.2))
        }
    }
}
