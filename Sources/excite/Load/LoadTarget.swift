import Foundation
import NIOCore
import NIOPosix

/// Where requests go, and what they say besides their image.
struct LoadTarget {
    /// With path and query.
    var url: String
    var host: String
    var port: Int
    /// What follows the request's method: path and query.
    var path: String
    var isEncrypted: Bool
    var headers: [(name: String, value: String)]

    /// - Parameters:
    ///   - text: `http://host:port`, with `/classify` where it has no path.
    ///   - query: added to the query that it has.
    /// - Throws: `LoadError` if it is not such a URL.
    init(_ text: String, query: [(name: String, value: String)], headers: [(name: String, value: String)]) throws {
        guard var components = URLComponents(string: text), let scheme = components.scheme, ["http", "https"].contains(scheme),
            let host = components.host, !host.isEmpty
        else { throw LoadError("'\(text)' is no URL that can be asked; write it as http://127.0.0.1:8080") }
        if components.path.isEmpty || components.path == "/" { components.path = "/classify" }
        let items = (components.queryItems ?? []) + query.map { URLQueryItem(name: $0.name, value: $0.value) }
        if !items.isEmpty { components.queryItems = items }
        components.fragment = nil
        guard let url = components.string else { throw LoadError("'\(text)' is no URL that can be asked") }
        self.url = url
        self.host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        isEncrypted = scheme == "https"
        port = components.port ?? (isEncrypted ? 443 : 80)
        path = components.percentEncodedPath + (components.percentEncodedQuery.map { "?\($0)" } ?? "")
        self.headers =
            [("Host", components.port.map { "\(host):\($0)" } ?? host), ("User-Agent", "excite-load/\(Excite.version)")] + headers
    }

    /// A request's head as it goes over the wire.
    func head(contentLength: Int) -> String {
        let lines = headers.map { "\($0.name): \($0.value)\r\n" }.joined()
        return "POST \(path) HTTP/1.1\r\n\(lines)Content-Length: \(contentLength)\r\n\r\n"
    }

    /// Connects once and hangs up.
    ///
    /// - Throws: `LoadError` if nobody listens there.
    func reach(timeout: Duration) async throws {
        do {
            let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connectTimeout(TimeAmount(timeout)).connect(host: host, port: port).get()
            try await channel.close().get()
        } catch {
            throw LoadError("\(host):\(port): \(LoadOutcome(error)); is the server running there?")
        }
    }
}
