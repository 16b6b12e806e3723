import HTTPServer

/// What there is of the page for people at `/`.
package enum PageContent: Sendable {
    case none
    /// Without the charts of what the server does.
    case withoutMetrics
    case full
}

extension Dialect {
    /// The page at `/`: a person's own pictures are classified, with what the network saw of them and where it looked. Plain files in the
    /// program; they ask for nothing but this server's own routes.
    ///
    /// - Parameter hasAdminPort: whether the charts are on the page of that port alone.
    static func page(_ content: PageContent, hasAdminPort: Bool = false) -> Dialect {
        guard content != .none else { return Dialect(name: "excite", routes: [], refusal: \.response) }
        let (plain, full) = (PageFile.document(hasMetrics: false), PageFile.document(hasMetrics: content == .full))
        // Open, for a browser asks without a key; what the page then asks for needs one.
        func route(_ path: String, _ file: @escaping @Sendable (RequestHead) -> PageFile) -> Route {
            Route(
                method: "GET", path: PathPattern(stringLiteral: path), isOpen: true,
                action: .page { call in file(call.head).answer(to: call.head) })
        }
        return Dialect(
            name: "excite",
            routes: [route(plain.path) { hasAdminPort && $0.entrance != .admin ? plain : full }]
                + [PageFile.script, .picture].map { file in route(file.path) { _ in file } },
            description: .page, refusal: \.response)
    }
}

/// A file of the page as it goes out.
struct PageFile: Sendable {
    let path: String
    let contentType: String
    let body: [UInt8]
    /// As Content-Security-Policy has it: what styles the file.
    let styleSource: String
    /// Weak (RFC 9110, section 8.8.1): the answer may be compressed.
    let tag: String

    init(path: String, contentType: String, body: [UInt8], styleSource: String = "'none'") {
        self.path = path
        self.contentType = contentType
        self.body = body
        self.styleSource = styleSource
        // FNV-1a.
        let hash = body.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        tag = "W/\"\(String(hash, radix: 16))\""
    }

    /// 304 where the client has it already.
    func answer(to head: RequestHead) -> Response {
        let headers = [
            ("ETag", tag), ("Cache-Control", "no-cache"), ("Content-Security-Policy", policy), ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
        ]
        guard !head.hasTag(tag, orAny: true) else { return Response(status: 304, headers: headers) }
        return Response(status: 200, headers: [("Content-Type", contentType)] + headers, body: body)
    }

    /// Nothing from elsewhere, nothing inline but the very style that the file has, in nobody's frame; pictures also from the visitor's own
    /// files and from answers.
    var policy: String {
        "default-src 'none'; script-src 'self'; style-src \(styleSource); img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; "
            + "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    }
}

extension PageFile {
    /// With its style in it: a browser shows the page before it has asked for anything else.
    static func document(hasMetrics: Bool) -> PageFile {
        let style = PackageResources.page_css
        var text = String(decoding: PackageResources.page_html, as: UTF8.self)
        while !hasMetrics, let start = text.firstRange(of: "<!-- metrics -->"), let end = text.firstRange(of: "<!-- end of metrics -->") {
            text.removeSubrange(start.lowerBound..<end.upperBound)
        }
        let link = "<link rel=\"stylesheet\" href=\"page.css\">"
        text = text.replacing(link, with: "<style>\(String(decoding: style, as: UTF8.self))</style>")
        return PageFile(
            path: "/", contentType: "text/html; charset=utf-8", body: Array(text.utf8),
            styleSource: style.withUnsafeBytes { sha256($0) }.map { "'sha256-\(Base64.encode($0))'" } ?? "'none'")
    }

    static let script = PageFile(path: "/page.js", contentType: "text/javascript; charset=utf-8", body: PackageResources.page_js)
    /// Coffee by Rachel Michetti, CC0, made smaller.
    static let picture = PageFile(path: "/page.jpg", contentType: "image/jpeg", body: PackageResources.page_jpg)
}

extension APIDescription {
    static let page: APIDescription = {
        func get(_ operation: String, _ summary: String, _ type: String) -> String {
            #"""
            "get": {
              "operationId": "\#(operation)",
              "security": [],
              "summary": "\#(summary)",
              "responses": {
                "200": {"description": "The file.", "content": {"\#(type)": {"schema": {}}}},
                "304": {"description": "The client has it already."}
              }
            }
            """#
        }
        return APIDescription(methods: [
            "/": get("page", "The page for people.", "text/html"),
            "/page.js": get("pageScript", "Its script.", "text/javascript"), "/page.jpg": get("pagePicture", "Its picture.", "image/jpeg"),
        ])
    }()
}
