import CMicroHTTPD

/// An answer: status, headers, body. `Content-Length`, `Date`, `Connection` and `X-Request-Id` are the server's to set.
public struct Response: Sendable {
    /// 200 to 599.
    public var status: Int
    /// Sent in this order. Names and values must be free of control characters, else the client gets a 500 instead.
    public var headers: [(String, String)]
    /// Sent as it is; not sent, but counted in `Content-Length`, where the request was HEAD.
    public var body: [UInt8]
    /// Never sent: handed back in ``CompletedRequest/context``, so that what the handler knows reaches the log line.
    public var context: (any Sendable)?

    /// An answer with these bytes as its body.
    public init(status: Int, headers: [(String, String)] = [], body: [UInt8] = [], context: (any Sendable)? = nil) {
        self.status = status
        self.headers = headers
        self.body = body
        self.context = context
    }

    /// An answer with a text as its body.
    public init(status: Int, contentType: String, text: String, headers: [(String, String)] = []) {
        self.init(status: status, headers: [("Content-Type", contentType)] + headers, body: Array(text.utf8))
    }

    /// An error as `application/problem+json` (RFC 9457).
    /// - Parameters:
    ///   - detail: what was wrong and what to do.
    ///   - code: a stable name for programs to branch on, such as `body_too_large`.
    public static func problem(
        status: Int, title: String, detail: String, code: String, headers: [(String, String)] = []
    ) -> Response {
        let text =
            #"{"status":\#(status),"title":\#(jsonString(title)),"detail":\#(jsonString(detail)),"code":\#(jsonString(code))}"#
        return Response(status: status, contentType: "application/problem+json", text: text + "\n", headers: headers)
    }

    /// The whole response as it goes over the wire with the connection closed after it, for the places where
    /// libmicrohttpd cannot send one: in the middle of a body, at a deadline, at the connection limit.
    func wire(id: String) -> [UInt8] {
        let reason = MHD_get_reason_phrase_for(UInt32(status)).map { String(cString: $0) } ?? "Error"
        var text = "HTTP/1.1 \(status) \(reason)\r\nConnection: close\r\nContent-Length: \(body.count)\r\nX-Request-Id: \(id)\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        return Array((text + "\r\n").utf8) + body
    }
}

/// Why the server itself refuses a request; what a handler refuses is a ``Response`` from the start.
struct Refusal: Error {
    var status: Int
    var code: String
    var title: String
    var detail: String
    var headers: [(String, String)] = []

    var response: Response { .problem(status: status, title: title, detail: detail, code: code, headers: headers) }
}

extension Refusal {
    static func badRequest(_ detail: String) -> Refusal {
        Refusal(status: 400, code: "bad_request", title: "Bad request", detail: detail)
    }
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
    static let tooManyConnections = Refusal(
        status: 503, code: "too_many_connections", title: "Too many connections",
        detail: "The server has as many connections open as it allows; try again in a moment, and reuse connections.",
        headers: [("Retry-After", "1")])
    static let tooManyConnectionsFromClient = Refusal(
        status: 429, code: "too_many_connections", title: "Too many connections",
        detail: "This address has as many connections open as it may; reuse them, or try again in a moment.",
        headers: [("Retry-After", "1")])
    static let shuttingDown = Refusal(
        status: 503, code: "shutting_down", title: "Shutting down",
        detail: "The server is going away; send the request to another instance, or again in a moment.",
        headers: [("Retry-After", "1")])
    static let unanswered = Refusal(
        status: 500, code: "internal_error", title: "Internal error",
        detail: "The server dropped the request without an answer; this is a fault of the server.")
    static let unsendable = Refusal(
        status: 500, code: "internal_error", title: "Internal error",
        detail: "The server made an answer that cannot be sent; this is a fault of the server.")
}

/// A JSON string literal with its quotes.
func jsonString(_ text: String) -> String {
    var literal = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": literal += "\\\""
        case "\\": literal += "\\\\"
        case "\n": literal += "\\n"
        case "\r": literal += "\\r"
        case "\t": literal += "\\t"
        case _ where scalar.value < 0x20:
            let digits = String(scalar.value, radix: 16)
            literal += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: literal.unicodeScalars.append(scalar)
        }
    }
    return literal + "\""
}
