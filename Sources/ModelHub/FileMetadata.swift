/// What a hub says of a file before its bytes.
public struct FileMetadata: Sendable, Equatable {
    /// Names the content: a file's SHA-256, or git's hash of it.
    public internal(set) var tag: String?
    /// In bytes.
    public internal(set) var size: Int?
    /// The commit that the revision stands for.
    public internal(set) var commit: String?

    /// The SHA-256 in lower case, where the hub announced one.
    public var sha256: String? {
        guard let tag = tag?.lowercased(), tag.utf8.count == 64, tag.allSatisfy(\.isHexDigit) else { return nil }
        return tag
    }

    /// The hub speaks first: where it redirects to a store, the store's own headers do not count.
    ///
    /// - Parameter headers: an answer's, names in lower case.
    mutating func merge(_ headers: [String: String]) {
        tag = tag ?? (headers["x-linked-etag"] ?? headers["etag"]).map(Self.unquoted)
        size = size ?? headers["x-linked-size"].flatMap { Int($0) }.flatMap { $0 < 0 ? nil : $0 }
        commit = commit ?? headers["x-repo-commit"]
    }

    private static func unquoted(_ text: String) -> String {
        let tag = (text.hasPrefix("W/") ? text.dropFirst(2) : text[...]).drop { $0 == "\"" }
        return String(tag.last == "\"" ? tag.dropLast() : tag)
    }
}
