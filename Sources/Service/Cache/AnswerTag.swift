import HTTPServer
import Serving

extension Request {
    /// The `ETag` of the answer to this request: the same for what is asked of the same images of the same model. Made of what the answer is made
    /// of, and not of the answer, so that it is known before anything is run. Nil where SHA-256 cannot be had.
    ///
    /// Weak (RFC 9110, section 8.8.1): two answers differ in their times. A model that is loaded anew gives others, and so does another process.
    ///
    /// - Parameter digests: of the inputs that are images.
    func answerTag(_ inference: InferenceRequest, _ digests: [[UInt8]?]) -> String? {
        var bytes: [UInt8] = []
        func add(_ text: String) {
            withUnsafeBytes(of: text.utf8.count) { bytes += $0 }
            bytes += text.utf8
        }
        add(inference.model.identity)
        add(head.path)
        for (name, value) in head.query {
            add(name)
            add(value)
        }
        for (name, value) in head.headers where ["accept", "inference-header-content-length"].contains(name.lowercased()) {
            add(name.lowercased())
            add(value)
        }
        for part in parts {
            add(part.name ?? "")
            guard let digest = digest(of: part, inference, digests) ?? part.withBytes({ sha256($0) }) else { return nil }
            bytes += digest
        }
        return bytes.withUnsafeBytes { sha256($0) }.map { "W/\"\(hexadecimal(Array($0.prefix(16))))\"" }
    }

    /// Of a part that is itself an input it is known.
    private func digest(of part: Part, _ inference: InferenceRequest, _ digests: [[UInt8]?]) -> [UInt8]? {
        guard inference.inputs.count <= parts.count else { return nil }
        for (input, digest) in zip(inference.inputs, digests) {
            if case .image(let image as Part) = input, image.isSame(as: part) { return digest }
        }
        return nil
    }
}

extension RequestHead {
    /// Whether `If-None-Match` has that tag, or `*` where any will do (RFC 9110, section 13.1.2); compared weakly.
    func hasTag(_ tag: String, orAny: Bool = false) -> Bool {
        let opaque = tag.hasPrefix("W/") ? tag.dropFirst(2) : tag[...]
        return headers.filter { $0.name.lowercased() == "if-none-match" }.flatMap { $0.value.split(separator: ",") }.contains { text in
            let known = text.filter { $0 != " " && $0 != "\t" }
            return (orAny && known == "*") || known == opaque || known == "W/" + opaque
        }
    }

    /// Whether the client wants nothing of a cache (RFC 9111, section 5.2.1).
    var passesCacheBy: Bool {
        headers.filter { $0.name.lowercased() == "cache-control" }.flatMap { $0.value.lowercased().split(separator: ",") }.contains {
            text in
            ["no-cache", "no-store"].contains(text.filter { $0 != " " && $0 != "\t" })
        }
    }
}
