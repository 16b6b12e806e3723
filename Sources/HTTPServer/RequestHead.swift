/// The head of a request.
public struct RequestHead: Sendable {
    /// As sent, case and all: `GET`, `POST`.
    public let method: String
    /// Percent-decoded, without the query; starts with `/` (or is `*`).
    public let path: String
    /// The query's fields in their order, decoded.
    public let query: [(name: String, value: String)]
    /// The headers in their order, names as sent.
    public let headers: [(name: String, value: String)]
    /// The declared length of the body; nil where none was declared.
    public let contentLength: Int?
    /// The peer's numeric address without its port.
    public let clientAddress: String
    /// When the request's first byte arrived; every deadline counts from it.
    public let began: ContinuousClock.Instant
    /// Where its connection came in.
    public internal(set) var entrance = Entrance.main

    /// The first header of that name, whatever its case.
    public func header(_ name: String) -> String? {
        headers.first { equalIgnoringCase($0.name, name) }?.value
    }

    /// The first query field of that name.
    public func query(_ name: String) -> String? {
        query.first { $0.name == name }?.value
    }
}

extension RequestHead {
    /// What is known of a request whose head did not become complete.
    init(
        unparsed target: String, method: String, headers: [(name: String, value: String)], client: String, began: ContinuousClock.Instant
    ) {
        self.init(
            method: method, path: String(target.prefix { $0 != "?" }), query: [], headers: headers, contentLength: nil,
            clientAddress: client, began: began)
    }

    /// Takes the request's target apart and holds the headers against RFC 9112; what two readers could understand
    /// differently (where the body ends, above all) is refused.
    init(
        _ line: RequestLine, headers: [(name: String, value: String)], client: String, began: ContinuousClock.Instant
    ) throws(Refusal) {
        let (path, query) = try splitTarget(line.target)
        func values(_ name: String) -> [String] { headers.filter { equalIgnoringCase($0.name, name) }.map(\.value) }

        let hosts = values("Host")
        guard hosts.count == 1 || (hosts.isEmpty && line.version == .http10) else {
            throw .badRequest("A request has exactly one Host header; this one has \(hosts.count).")
        }
        guard hosts.allSatisfy({ $0.isEmpty || isAuthority($0[...]) }) else { throw .badRequest("The Host header is no host.") }
        let lengths = values("Content-Length")
        let codings = values("Transfer-Encoding")
        guard lengths.count <= 1 else { throw .badRequest("Content-Length is given \(lengths.count) times; send it once.") }
        guard lengths.isEmpty || codings.isEmpty else {
            throw .badRequest("Content-Length and Transfer-Encoding exclude each other; send one of them.")
        }
        if !codings.isEmpty {
            guard line.version != .http10 else { throw .badRequest("HTTP/1.0 has no Transfer-Encoding; send a Content-Length.") }
            guard codings.count == 1, equalIgnoringCase(codings[0], "chunked") else { throw .unsupportedTransferEncoding }
        }
        var contentLength: Int?
        if let length = lengths.first {
            guard length.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(length) else {
                throw .badRequest("Content-Length has to be a number of bytes.")
            }
            contentLength = value
        }
        self.init(
            method: line.method, path: path, query: query, headers: headers, contentLength: contentLength, clientAddress: client,
            began: began)
    }

    /// The client's own request id, where it can be sent back and logged without harm.
    var saneRequestID: String? {
        guard let id = header("X-Request-Id"), (1...128).contains(id.utf8.count),
            id.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        return id
    }

    /// Whether a body follows the head.
    var announcesBody: Bool { (contentLength ?? 0) > 0 || isChunked }

    /// Whether the body comes in chunks.
    var isChunked: Bool { header("Transfer-Encoding") != nil }

    /// Whether the client waits for `100 Continue` before it sends the body.
    var awaitsContinue: Bool { header("Expect").map { equalIgnoringCase($0, "100-continue") } ?? false }

    /// Whether the connection ends with this request (RFC 9112, 9.3).
    func isLast(of version: HTTPVersion) -> Bool {
        let options = headers.filter { equalIgnoringCase($0.name, "Connection") }.flatMap { $0.value.unicodeScalars.split(separator: ",") }
            .map { trimmed(Substring($0)) }
        if options.contains(where: { equalIgnoringCase($0, "close") }) { return true }
        return version == .http10 && !options.contains { equalIgnoringCase($0, "keep-alive") }
    }
}

private func splitTarget(_ target: String) throws(Refusal) -> (path: String, query: [(name: String, value: String)]) {
    var rest = target[...]
    // The absolute form that proxies are sent. Which host it names changes no answer, but one that is none is refused (RFC 9110, 4.2.1).
    if let scheme = ["http://", "https://"].first(where: { rest.lowercased().hasPrefix($0) }) {
        rest = rest.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard isAuthority(authority), !authority.hasPrefix(":") else { throw .badRequest("The URL's host is none.") }
        rest = rest.dropFirst(authority.count)
        if rest.first != "/" { rest = "/" + rest }
    }
    guard rest.first == "/" || rest == "*" else { throw .badRequest("The URL's path has to start with a slash.") }
    let halves = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    guard let path = percentDecoded(halves[0]) else { throw .badRequest(brokenEscape) }
    var query: [(name: String, value: String)] = []
    if halves.count == 2 {
        for field in halves[1].split(separator: "&") {
            let sides = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = percentDecoded(sides[0], plusIsSpace: true),
                let value = sides.count == 2 ? percentDecoded(sides[1], plusIsSpace: true) : ""
            else { throw .badRequest(brokenEscape) }
            query.append((name, value))
        }
    }
    return (path, query)
}

/// Whether it is a host, perhaps with a port, by the characters that RFC 3986 (3.2.2) lets them have. User names are refused with the rest.
private func isAuthority(_ text: Substring) -> Bool {
    var rest = text.utf8[...]
    let isLiteral = rest.first == UInt8(ascii: "[")
    let host = rest.dropFirst(isLiteral ? 1 : 0).prefix { isHostByte($0) || isLiteral && $0 == UInt8(ascii: ":") }
    rest = rest[host.endIndex...]
    if isLiteral, host.isEmpty || rest.popFirst() != UInt8(ascii: "]") { return false }
    if rest.isEmpty { return !host.isEmpty }
    return rest.popFirst() == UInt8(ascii: ":") && rest.allSatisfy { (0x30...0x39).contains($0) }
}

private func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "-._~%!$&'()*+,;=".utf8.contains(byte)
    }
}

private let brokenEscape = "The URL has a percent escape that is not two hexadecimal digits of UTF-8 text."

/// Percent-decoded text; nil where an escape is broken, decodes to a control character, or the bytes are not UTF-8.
func percentDecoded(_ text: Substring, plusIsSpace: Bool = false) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
        if byte == UInt8(ascii: "%") {
            guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else { return nil }
            let decoded = high << 4 | low
            guard decoded >= 0x20, decoded != 0x7F else { return nil }
            bytes.append(decoded)
        } else {
            bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
        }
    }
    return String(validating: bytes, as: UTF8.self)
}

func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
}

/// ASCII comparison without case, as header names and parameters are compared.
func equalIgnoringCase(_ a: some StringProtocol, _ b: some StringProtocol) -> Bool {
    func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }
    return a.utf8.count == b.utf8.count && zip(a.utf8, b.utf8).allSatisfy { lower($0) == lower($1) }
}

/// RFC 9110's `token`.
func isToken(_ text: some StringProtocol) -> Bool {
    !text.isEmpty
        && text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
}
