import FoundationEssentials

/// A word in a text that JSON does not have or no number can hold: `NaN`, which Python writes, `True`, `1e400`. The decoder says of such a text
/// only that it is not JSON.
struct UnknownWord: CustomStringConvertible {
    let word: String
    /// The keys and indices that lead to it.
    private let path: [String]

    var description: String {
        "\(path.isEmpty ? "" : "\(path.joined(separator: ".")): ")'\(word)' is neither a string nor a number that can be read"
    }

    private enum Level {
        case object(key: String)
        case array(index: Int)

        var step: String {
            switch self {
            case .object(let key): key
            case .array(let index): "[\(index)]"
            }
        }
    }

    /// The first in a text; nil if that is no JSON for another reason.
    init?(in text: Data) {
        var levels: [Level] = []
        var string = ""
        var rest = text[...]
        while let first = rest.first {
            switch first {
            case UInt8(ascii: "\""):
                let end = Self.endOfString(rest)
                string = String(decoding: rest[rest.index(after: rest.startIndex)..<end], as: UTF8.self)
                rest = rest[end...].dropFirst()
                continue
            case UInt8(ascii: ":"): if case .object = levels.last { levels[levels.count - 1] = .object(key: string) }
            case UInt8(ascii: ","): if case .array(let index) = levels.last { levels[levels.count - 1] = .array(index: index + 1) }
            case UInt8(ascii: "{"): levels.append(.object(key: ""))
            case UInt8(ascii: "["): levels.append(.array(index: 0))
            case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = levels.popLast()
            case _ where !Self.ends(first):
                let word = rest.prefix { !Self.ends($0) }
                let text = String(decoding: word.prefix(40), as: UTF8.self)
                if !["true", "false", "null"].contains(text), Double(text)?.isFinite != true {
                    (self.word, path) = (text, levels.map(\.step))
                    return
                }
                rest = rest[word.endIndex...]
                continue
            default: break
            }
            rest = rest.dropFirst()
        }
        return nil
    }

    private static func ends(_ byte: UInt8) -> Bool { byte <= 0x20 || "{}[],:\"".utf8.contains(byte) }

    /// Of the closing quotation mark, or of what is behind the text.
    private static func endOfString(_ text: Data) -> Data.Index {
        var at = text.index(after: text.startIndex)
        while at < text.endIndex, text[at] != UInt8(ascii: "\"") { at += text[at] == UInt8(ascii: "\\") ? 2 : 1 }
        return min(at, text.endIndex)
    }
}
