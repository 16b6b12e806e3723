import FoundationEssentials
import Glibc

/// Where requests go, and what they say besides their image.
public struct LoadTarget: Sendable {
    /// With path and query.
    public let url: String
    public let host: String
    public let port: Int
    public let isEncrypted: Bool
    /// What follows the request's method: path and query.
    let path: String
    let headers: [(name: String, value: String)]

    /// - Parameters:
    ///   - text: `http://host:port`, with `/classify` where it has no path.
    ///   - query: added to the query that it has.
    ///   - headers: of every request, `User-Agent` among them.
    /// - Throws: `LoadError` if it is not such a URL.
    public init(_ text: String, query: [(name: String, value: String)], headers: [(name: String, value: String)]) throws(LoadError) {
        guard var components = URLComponents(string: text), let scheme = components.scheme, ["http", "https"].contains(scheme),
            let host = components.host, !host.isEmpty
        else { throw LoadError("'\(text)' is no URL that can be asked; write it as http://127.0.0.1:8080") }
        if components.path.isEmpty || components.path == "/" { components.path = "/classify" }
        let items = (components.queryItems ?? []) + query.map { URLQueryItem(name: $0.name, value: $0.value) }
        if !items.isEmpty { components.queryItems = items }
        components.fragment = nil
        guard let url = components.string else { throw LoadError("'\(text)' is no URL that can be asked") }
        self.url = url
        self.host = String(host.drop { $0 == "[" }.prefix { $0 != "]" })
        isEncrypted = scheme == "https"
        port = components.port ?? (isEncrypted ? 443 : 80)
        path = components.percentEncodedPath + (components.percentEncodedQuery.map { "?\($0)" } ?? "")
        self.headers = [("Host", components.port.map { "\(host):\($0)" } ?? host)] + headers
    }

    /// A request's head as it goes over the wire.
    func head(contentLength: Int) -> String {
        let lines = headers.map { "\($0.name): \($0.value)\r\n" }.joined()
        return "POST \(path) HTTP/1.1\r\n\(lines)Content-Length: \(contentLength)\r\n\r\n"
    }

    /// Connects once and hangs up.
    ///
    /// - Throws: `LoadError` if nobody listens there.
    public func reach(timeout: Duration) throws(LoadError) { _ = try address(timeout: timeout) }

    /// The first of the host's addresses where somebody listens.
    ///
    /// - Throws: `LoadError` if nobody does.
    func address(timeout: Duration) throws(LoadError) -> SocketAddress {
        var error: Int32 = 0
        for address in try SocketAddress.resolve(host, port) {
            if let socket = Socket(address), socket.isConnected(within: timeout) { return address }
            error = errno
        }
        throw LoadError("\(host):\(port): \(LoadOutcome(errno: error)); is the server running there?")
    }
}
