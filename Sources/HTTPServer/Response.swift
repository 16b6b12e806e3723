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

    /// The whole response as it goes over the wire with the connection closed after it, for the places where
    /// libmicrohttpd cannot send one: in the middle of a body, at a deadline, at the connection limit.
    /// - Parameter isHead: whether the request was HEAD.
    func wire(id: String, isHead: Bool = false) -> [UInt8] {
        let reason = MHD_get_reason_phrase_for(UInt32(status)).map { String(cString: $0) } ?? "Error"
        var text = "HTTP/1.1 \(status) \(reason)\r\nConnection: close\r\nContent-Length: \(body.count)\r\nX-Request-Id: \(id)\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        return Array((text + "\r\n").utf8) + (isHead ? [] : body)
    }
}
