import HTTPServer

/// Pages of which other origins may ask, and read the answers: CORS as the Fetch standard has it
/// (https://fetch.spec.whatwg.org/#http-cors-protocol).
package struct AllowedOrigins: Sendable {
    private let isAny: Bool
    private let origins: Set<String>

    /// - Parameter origins: as browsers write them (`https://app.example`, `http://localhost:3000`); `*` is all.
    package init(_ origins: [String] = []) {
        isAny = origins.contains("*")
        self.origins = Set(origins)
    }

    /// Whether this is an origin as browsers write it: scheme, host, and the port where it is not the scheme's own. `*` is all.
    package static func isOrigin(_ text: String) -> Bool {
        text == "*" || text.wholeMatch(of: /[a-z][a-z0-9+.\-]*:\/\/([a-z0-9._\-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?/) != nil
    }

    /// The answer to a browser that asks whether a page may send a request; nil where this is no such question, or the page may not.
    func preflight(_ head: RequestHead, methods: [String]) -> Response? {
        guard head.method == "OPTIONS", head.header("Access-Control-Request-Method") != nil, allowed(head) != nil else { return nil }
        var headers = [("Access-Control-Allow-Methods", methods.joined(separator: ", ")), ("Access-Control-Max-Age", "600")]
        // Any header: a star would not stand for Authorization.
        if let asked = head.header("Access-Control-Request-Headers") { headers.append(("Access-Control-Allow-Headers", asked)) }
        return Response(status: 204, headers: headers + [("Vary", "Access-Control-Request-Headers")])
    }

    /// An answer that the page which asked may read, where it may.
    func opened(_ response: Response, to head: RequestHead?) -> Response {
        guard isAny || !origins.isEmpty else { return response }
        var response = response
        // A cache must not give one origin's answer to another.
        if !isAny { response.headers.append(("Vary", "Origin")) }
        guard let origin = head.flatMap(allowed) else { return response }
        response.headers += [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", "X-Request-Id, Retry-After, WWW-Authenticate, ETag, Cache-Status"),
        ]
        return response
    }

    private func allowed(_ head: RequestHead) -> String? {
        guard let origin = head.header("Origin") else { return nil }
        return isAny ? "*" : origins.contains(origin) ? origin : nil
    }
}
