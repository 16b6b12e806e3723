import AsyncHTTPClient
import Foundation

/// Which proxy a request goes through: what `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in capitals or not.
///
/// Requests are tunnelled through the proxy with `CONNECT`, plain ones too.
struct ProxySettings: Sendable, Equatable {
    typealias Proxy = HTTPClient.Configuration.Proxy

    private var proxies: [String: Proxy] = [:]
    private var exceptions: [Substring] = []

    /// - Throws: `HubError.invalid` if a proxy's address makes no sense, or is of a kind that is not supported.
    init(environment: [String: String]) throws(HubError) {
        func value(_ name: String) -> (name: String, text: String)? {
            for name in [name.lowercased(), name] {
                if let text = environment[name], !text.isEmpty { return (name, text) }
            }
            return nil
        }
        for scheme in ["http", "https"] {
            guard let found = value("\(scheme.uppercased())_PROXY") ?? value("ALL_PROXY") else { continue }
            proxies[scheme] = try Self.proxy(found.text, name: found.name)
        }
        exceptions = (value("NO_PROXY")?.text ?? "").split { $0 == "," || $0 == " " }
    }

    /// The proxy for that address; nil where it is asked directly.
    func proxy(for url: URL) -> Proxy? {
        guard let scheme = url.scheme, let host = url.host?.lowercased(), let proxy = proxies[scheme] else { return nil }
        let port = url.port ?? (scheme == "https" ? 443 : 80)
        return exceptions.contains { Self.covers($0.lowercased(), host, port) } ? nil : proxy
    }

    /// `*`, a host, a domain with or without a dot before it, each with a port where one is meant.
    private static func covers(_ exception: String, _ host: String, _ port: Int) -> Bool {
        if exception == "*" { return true }
        var name = exception[...]
        if let colon = name.lastIndex(of: ":"), let wanted = Int(name[name.index(after: colon)...]), name.filter({ $0 == ":" }).count == 1 {
            guard wanted == port else { return false }
            name = name[..<colon]
        }
        name = name.drop { $0 == "." || $0 == "*" }
        return !name.isEmpty && (host == name || host.hasSuffix(".\(name)"))
    }

    private static func proxy(_ text: String, name: String) throws(HubError) -> Proxy {
        guard let url = URLComponents(string: text.contains("://") ? text : "http://\(text)"), let host = url.host, !host.isEmpty else {
            throw .invalid("\(name) is no address of a proxy: it must be http://HOST:PORT")
        }
        switch url.scheme?.lowercased() {
        case "http":
            let authorization = url.user.map { HTTPClient.Authorization.basic(username: $0, password: url.password ?? "") }
            return .server(host: host, port: url.port ?? 8080, authorization: authorization)
        case "socks5", "socks5h", "socks": return .socksServer(host: host, port: url.port ?? 1080)
        default: throw .invalid("\(name): proxies of the kind \(url.scheme ?? "") are not supported, only http:// and socks5://")
        }
    }
}
