/// Why the server itself refuses a request; the embedder puts it into its own words (`render` of ``Server``).
public struct Refusal: Error {
    /// The status that fits, 400 to 599.
    public var status: Int
    /// A stable name for programs to branch on, such as `body_too_large`.
    public var code: String
    /// The kind of refusal in a few words, the same for all of one code.
    public var title: String
    /// What was wrong and what to do.
    public var detail: String
    /// Headers that belong to the answer, such as `Retry-After`.
    public var headers: [(String, String)] = []
}

extension Refusal {
    static func badRequest(_ detail: String) -> Refusal {
        Refusal(status: 400, code: "bad_request", title: "Bad request", detail: detail)
    }
    static func targetTooLong(limit: Int) -> Refusal {
        Refusal(
            status: 414, code: "url_too_long", title: "URL too long",
            detail: "The URL may have up to \(limit) bytes; send what is long in the body.")
    }
    static func tooManyQueryFields(limit: Int) -> Refusal {
        Refusal(
            status: 414, code: "too_many_query_fields", title: "Too many query fields",
            detail: "The URL's query may have up to \(limit) fields.")
    }
    static func headTooLarge(limit: Int) -> Refusal {
        Refusal(
            status: 431, code: "head_too_large", title: "Headers too large",
            detail: "The request's head may have up to \(limit) bytes; send shorter headers.")
    }
    static func tooManyFields(limit: Int) -> Refusal {
        Refusal(
            status: 431, code: "too_many_headers", title: "Too many headers",
            detail: "A request may have up to \(limit) headers; send fewer.")
    }
    static let unsupportedVersion = Refusal(
        status: 505, code: "unsupported_version", title: "HTTP version not supported",
        detail: "The versions understood are HTTP/1.1 and HTTP/1.0.")
    static func badMultipart(_ detail: String) -> Refusal {
        Refusal(status: 400, code: "bad_multipart", title: "Broken multipart body", detail: detail)
    }
    static func bodyTooLarge(limit: Int) -> Refusal {
        Refusal(
            status: 413, code: "body_too_large", title: "Request body too large",
            detail: "The body may have up to \(limit) bytes; send a smaller one.")
    }
    static let tooManyBytes = Refusal(
        status: 429, code: "too_many_bytes", title: "Too many bytes at once",
        detail: "The server has as many bytes of request bodies in memory as it allows; try again in a moment.",
        headers: [("Retry-After", "1")])
    static func tooManyParts(limit: Int) -> Refusal {
        Refusal(
            status: 413, code: "too_many_parts", title: "Too many parts",
            detail: "A multipart body may have up to \(limit) parts; send the rest in further requests.")
    }
    static func requestTimeout(_ limit: Duration) -> Refusal {
        Refusal(
            status: 408, code: "request_timeout", title: "Request took too long to arrive",
            detail: "Head and body have to be here within \(limit); send them faster.")
    }
    static let unsupportedTransferEncoding = Refusal(
        status: 501, code: "unsupported_transfer_encoding", title: "Transfer coding not supported",
        detail: "The only transfer coding understood is chunked, alone.")
    static let unsupportedContentEncoding = Refusal(
        status: 415, code: "unsupported_content_encoding", title: "Content encoding not supported",
        detail: "The content encodings understood are gzip and deflate, one of them; or send the body as it is.",
        headers: [("Accept-Encoding", "gzip, deflate")])
    static let brokenContentEncoding = Refusal(
        status: 400, code: "broken_content_encoding", title: "Broken compressed body",
        detail: "The body is not what its Content-Encoding says, or was cut off; send it again, or as it is.")
    static let tooManyConnections = Refusal(
        status: 503, code: "too_many_connections", title: "Too many connections",
        detail: "The server has as many connections open as it allows; try again in a moment, and reuse connections.",
        headers: [("Retry-After", "1")])
    static let tooManyConnectionsFromClient = Refusal(
        status: 429, code: "too_many_connections", title: "Too many connections",
        detail: "This address has as many connections open as it may; reuse them, or try again in a moment.",
        headers: [("Retry-After", "1")])
    static let onlyProbes = Refusal(
        status: 404, code: "only_probes", title: "Not found",
        detail: "This port answers probes alone; send other requests to the server's main port.")
    static func uploadTooSlow(rate: Int) -> Refusal {
        Refusal(
            status: 408, code: "upload_too_slow", title: "Upload too slow",
            detail: "A body has to arrive with at least \(rate) bytes a second; send it faster.")
    }
    static let tooManyBytesFromClient = Refusal(
        status: 429, code: "too_many_bytes", title: "Too many bytes at once",
        detail: "This address has as many bytes of request bodies in memory as it may; try again in a moment.",
        headers: [("Retry-After", "1")])
    static let outOfMemory = Refusal(
        status: 503, code: "out_of_memory", title: "Out of memory",
        detail: "The system has no memory left for the body; try again in a moment.", headers: [("Retry-After", "1")])
    static let shuttingDown = Refusal(
        status: 503, code: "shutting_down", title: "Shutting down",
        detail: "The server is going away; send the request to another instance, or again in a moment.",
        headers: [("Retry-After", "1")])
    static let unanswered = Refusal(
        status: 500, code: "internal_error", title: "Internal error",
        detail: "The server dropped the request without an answer; this is a fault of the server.")
    /// Where this happens, the executable's `recv` does not stand before the daemon's (see ReceiveHook.swift).
    static let unverified = Refusal(
        status: 500, code: "internal_error", title: "Internal error",
        detail: "The request reached the server past its checks, and is not answered; this is a fault of the server.")
    static let unsendable = Refusal(
        status: 500, code: "internal_error", title: "Internal error",
        detail: "The server made an answer that cannot be sent; this is a fault of the server.")
}
