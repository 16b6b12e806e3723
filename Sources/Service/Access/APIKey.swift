/// A line of the file of keys: who has a key, what it may, and the key's SHA-256. The key itself is written nowhere.
///
/// A key is 256 random bits, so its plain hash cannot be searched for: no salt, and no slow hash, which would be a lever for overload.
package struct APIKey: Sendable, Equatable {
    /// In the log: up to 64 of letters, digits, `.`, `_` and `-`.
    package var name: String
    /// SHA-256, 32 bytes.
    package var digest: [UInt8]
    /// Requests a second on average; a second's may come at once. Nil for no limit.
    package var rate: Double?
    /// Requests at a time that are here in full and not yet answered. Nil for no limit.
    package var inFlight: Int?

    package init(name: String, key: String, rate: Double? = nil, inFlight: Int? = nil) throws {
        self.name = name
        digest = try keyDigest(key)
        self.rate = rate
        self.inFlight = inFlight
    }

    /// A new key, of the system's random numbers.
    package static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return "excite_" + (0..<4).map { _ in hexadecimal(withUnsafeBytes(of: generator.next() as UInt64, Array.init)) }.joined()
    }

    package static func isName(_ text: String) -> Bool { text.wholeMatch(of: /[A-Za-z0-9._\-]{1,64}/) != nil }

    /// As the file of keys has it.
    package var line: String {
        var words = [name, hexadecimal(digest)]
        if let rate { words.append("rate=\(rate == rate.rounded() ? "\(Int(rate))" : "\(rate)")") }
        if let inFlight { words.append("in-flight=\(inFlight)") }
        return words.joined(separator: " ")
    }

    /// Nil for an empty line or a comment (`#`).
    ///
    /// - Throws: ``APIKeyError`` that says what the line should be.
    init?(line: some StringProtocol) throws(APIKeyError) {
        let words = String(line).split { $0.isWhitespace }.map(String.init)
        guard let name = words.first, !name.hasPrefix("#") else { return nil }
        // Not repeated: what stands there may be a key.
        guard Self.isName(name) else { throw APIKeyError("does not begin with a name of 1 to 64 letters, digits, '.', '_' or '-'") }
        guard words.count >= 2, let digest = bytes(hexadecimal: words[1]), digest.count == 32 else {
            throw APIKeyError(
                "after the name '\(name)' come the 64 hexadecimal digits of the key's SHA-256; `excite key \(name)` makes such a line")
        }
        (self.name, self.digest) = (name, digest)
        for word in words.dropFirst(2) {
            let shown = word.prefix(16)
            let sides = word.split(separator: "=", maxSplits: 1).map(String.init)
            switch sides.first {
            case "rate":
                guard sides.count == 2, let rate = Double(sides[1]), rate > 0, rate <= 1e6 else {
                    throw APIKeyError("'\(shown)' is not rate= with requests a second, above 0 and at most 1,000,000")
                }
                self.rate = rate
            case "in-flight":
                guard sides.count == 2, let count = Int(sides[1]), (1...1_000_000).contains(count) else {
                    throw APIKeyError("'\(shown)' is not in-flight= with a number of requests from 1 to 1,000,000")
                }
                inFlight = count
            default: throw APIKeyError("'\(shown)' is neither rate= nor in-flight=")
            }
        }
    }
}

/// What is wrong with a file of keys.
package struct APIKeyError: Error, CustomStringConvertible {
    package var description: String
    init(_ description: String) { self.description = description }
}

private func keyDigest(_ key: String) throws(APIKeyError) -> [UInt8] {
    guard let digest = Array(key.utf8).withUnsafeBytes({ sha256($0) }) else { throw APIKeyError("this machine's policy forbids SHA-256") }
    return digest
}
