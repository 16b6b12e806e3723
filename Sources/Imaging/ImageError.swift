/// Why an image was refused. All of them are the sender's to mend; each description says what was wrong and what to do.
public enum ImageError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There are no bytes at all.
    case empty
    /// Something else than an image format that is served; the value says what the bytes look like ("a TIFF image"), and the advice what to do
    /// where sending a JPEG, PNG or WebP is not all that can be said.
    case unsupportedFormat(String, advice: String? = nil)
    /// Cut off, damaged or malicious; the value says what is wrong, mostly in the decoding library's words.
    case corrupt(String)
    /// More pixels than are accepted, known from the header before any memory was taken; `limit` names the limit passed.
    case tooLarge(width: Int, height: Int, limit: String)
    /// Decoding was given up: it took longer than the limit, or than anybody waits for it.
    case tooSlow(limit: Duration)

    public var description: String {
        switch self {
        case .empty:
            "the image is empty (0 bytes); send the bytes of a \(ImageFormat.list) file"
        case .unsupportedFormat(let looksLike, let advice):
            "this looks like \(looksLike), which is not served; \(advice ?? "send a \(ImageFormat.list) file")"
        case .corrupt(let reason):
            "the image is cut off or damaged (\(reason)); send the complete file"
        case .tooLarge(let width, let height, let limit):
            "the image has \(width) x \(height) pixels, and the limit is \(limit); send a smaller one"
        case .tooSlow(let limit):
            "the image was not decoded in time (at most \(limit)); send a smaller one"
        }
    }
}
