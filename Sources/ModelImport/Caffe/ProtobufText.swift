import SENet

/// Reads protobuf's text format, `.prototxt`: `name: value`, `name { … }`, comments from `#` to the end of the line.
struct ProtobufText {
    private enum Token: Equatable {
        case word(String)
        case quoted(String)
        case sign(Character)
    }

    private let source: String
    private let tokens: [(token: Token, line: Int)]
    private var index = 0

    /// Deeper than any network's description.
    private static let depthLimit = 16

    /// - Throws: `ModelError.network` with the line that breaks the format.
    static func read(_ text: String, source: String) throws(ModelError) -> ProtobufMessage {
        var parser = ProtobufText(source: source, tokens: try tokens(text, source: source))
        let message = try parser.message(depth: 0)
        if parser.index < parser.tokens.count { throw parser.failure("a } that closes nothing") }
        return message
    }

    private init(source: String, tokens: [(token: Token, line: Int)]) {
        self.source = source
        self.tokens = tokens
    }

    private static func tokens(_ text: String, source: String) throws(ModelError) -> [(token: Token, line: Int)] {
        var tokens: [(token: Token, line: Int)] = []
        var rest = Substring(text)
        var line = 1
        while let character = rest.first {
            switch character {
            case "#": rest = rest.drop { !$0.isNewline }
            case "\"", "'":
                let body = rest.dropFirst().prefix { $0 != character && !$0.isNewline }
                rest = rest.dropFirst(body.count + 1)
                guard rest.first == character else { throw .network("\(source): line \(line): a string without its end") }
                rest.removeFirst()
                tokens.append((.quoted(String(body)), line))
            case "{", "}", ":", "[", "]", "<", ">", ",", ";":
                tokens.append((.sign(character), line))
                rest.removeFirst()
            case _ where character.isWhitespace:
                if character.isNewline { line += 1 }
                rest.removeFirst()
            default:
                let word = rest.prefix { !$0.isWhitespace && !"{}:[]<>,;#\"'".contains($0) }
                tokens.append((.word(String(word)), line))
                rest = rest.dropFirst(word.count)
            }
        }
        return tokens
    }

    private func failure(_ what: String) -> ModelError {
        .network("\(source): line \(tokens[min(index, tokens.count - 1)].line): \(what)")
    }

    private mutating func next() -> Token? {
        guard index < tokens.count else { return nil }
        defer { index += 1 }
        return tokens[index].token
    }

    private mutating func skip(_ character: Character) -> Bool {
        guard index < tokens.count, tokens[index].token == .sign(character) else { return false }
        index += 1
        return true
    }

    private mutating func message(depth: Int) throws(ModelError) -> ProtobufMessage {
        var message = ProtobufMessage()
        while index < tokens.count, tokens[index].token != .sign("}") {
            guard case .word(let name)? = next() else {
                index -= 1
                throw failure("a field's name is expected")
            }
            _ = skip(":")
            if skip("{") {
                guard depth < Self.depthLimit else { throw failure("messages more than \(Self.depthLimit) deep") }
                message.fields[name, default: []].append(.message(try self.message(depth: depth + 1)))
                guard skip("}") else { throw failure("'\(name)' is not closed") }
            } else if skip("[") {
                while !skip("]") {
                    message.fields[name, default: []].append(try value(of: name))
                    _ = skip(",")
                }
            } else {
                message.fields[name, default: []].append(try value(of: name))
            }
            _ = skip(",") || skip(";")
        }
        return message
    }

    private mutating func value(of name: String) throws(ModelError) -> ProtobufMessage.Value {
        switch next() {
        case .quoted(let text): return .text(text)
        case .word("true"): return .integer(1)
        case .word("false"): return .integer(0)
        case .word(let word):
            if let integer = Int(word) { return .integer(integer) }
            return Double(word).map { .real($0) } ?? .text(word)
        default: throw failure("'\(name)' has no value")
        }
    }
}
