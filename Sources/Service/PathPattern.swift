/// A path whose segments are words, or names in braces that stand for any word: `/v2/models/{model}/infer`. What follows the brace has to be
/// there as it is, as in `/v1/models/{model}:predict`; a name with an asterisk, `{model*}`, stands for words with slashes between them.
package struct PathPattern: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// As OpenAPI writes it: without asterisks.
    package let description: String
    private let segments: [Segment]

    private enum Segment: Hashable {
        case word(String)
        case parameter(String, suffix: String)
        /// One word or more.
        case parameters(String)
    }

    package init(stringLiteral path: String) {
        description = path.replacing("*}", with: "}")
        segments = path.split(separator: "/", omittingEmptySubsequences: false).map { segment in
            guard segment.hasPrefix("{"), let end = segment.lastIndex(of: "}") else { return .word(String(segment)) }
            let name = String(segment[..<end].dropFirst())
            let suffix = String(segment[end...].dropFirst())
            return name.hasSuffix("*") ? .parameters(String(name.dropLast())) : .parameter(name, suffix: suffix)
        }
    }

    /// Whether it stands for one path alone.
    var isFixed: Bool { segments.allSatisfy { if case .word = $0 { true } else { false } } }

    /// How much of a path it says: of two patterns that a path has the form of, the one that says more is meant.
    var particularity: Int {
        segments.reduce(0) { sum, segment in
            switch segment {
            case .word(let word): sum + word.utf8.count + 1
            case .parameter(_, let suffix): sum + suffix.utf8.count + 1
            case .parameters: sum
            }
        }
    }

    /// The parameters' values where the path is of this form; nil where it is not. A parameter is not empty.
    func match(_ path: String) -> [String: String]? {
        // By bytes: a mark that combines with a separator hides none.
        var words = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)[...]
        var values: [String: String] = [:]
        for (index, segment) in segments.enumerated() {
            guard let word = words.popFirst() else { return nil }
            switch segment {
            case .word(let expected): guard word.elementsEqual(expected.utf8) else { return nil }
            case .parameter(let name, let suffix):
                guard word.count > suffix.utf8.count, word.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) else { return nil }
                values[name] = String(Substring(word.dropLast(suffix.utf8.count)))
            case .parameters(let name):
                let others = words.count - (segments.count - index - 1)
                guard others >= 0 else { return nil }
                let taken = [word] + words.prefix(others)
                guard taken.allSatisfy({ !$0.isEmpty }) else { return nil }
                values[name] = taken.map { String(Substring($0)) }.joined(separator: "/")
                words = words.dropFirst(others)
            }
        }
        return words.isEmpty ? values : nil
    }
}
