import FoundationEssentials

/// A model's repository on a hub, `owner/name`, at a revision: where its files are.
public struct Repository: Sendable, Equatable {
    public let name: String
    /// A branch, a tag or a commit.
    public let revision: String

    /// - Throws: `HubError.invalid` if the name is not `owner/name` or the revision is empty.
    public init(_ name: String, revision: String = "main") throws(HubError) {
        guard Self.isName(name) else {
            throw .invalid("'\(name)' is no model of a hub: it must be owner/name, such as timm/seresnet50.a1_in1k")
        }
        guard !revision.isEmpty, !revision.contains("..") else {
            throw .invalid("'\(revision)' is no revision: it must be a branch, a tag or a commit")
        }
        self.name = name
        self.revision = revision
    }

    /// Whether a text can be a repository's name, and so a folder's too.
    public static func isName(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2
            && parts.allSatisfy { part in
                !part.isEmpty && part.first != "." && !part.contains("..") && part.utf8.count <= 96
                    && part.utf8.allSatisfy { byte in
                        switch byte {
                        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                            true
                        default: false
                        }
                    }
            }
    }

    /// Where a hub has a file of it: `ENDPOINT/owner/name/resolve/REVISION/FILE`.
    func url(of file: String, at endpoint: URL) -> URL {
        // A slash in a branch's name belongs to the name.
        let revision = revision.utf8.map { byte in
            let letter = Character(UnicodeScalar(byte))
            let isPlain = letter.isASCII && (letter.isLetter || letter.isNumber || "-._~".contains(letter))
            return isPlain ? String(letter) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
        let base = endpoint.absoluteString
        let text = "\(base.hasSuffix("/") ? String(base.dropLast()) : base)/\(name)/resolve/\(revision)/\(file)"
        return URL(string: text) ?? endpoint
    }
}
