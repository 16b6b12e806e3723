import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Threads

/// What a hub says of a file before its bytes.
public struct FileMetadata: Sendable, Equatable {
    /// Names the content: a file's SHA-256, or git's hash of it.
    public internal(set) var tag: String?
    /// In bytes.
    public internal(set) var size: Int?
    /// The commit that the revision stands for.
    public internal(set) var commit: String?

    /// The SHA-256 in lower case, where the hub announced one.
    public var sha256: String? {
        guard let tag = tag?.lowercased(), tag.utf8.count == 64, tag.allSatisfy(\.isHexDigit) else { return nil }
        return tag
    }

    /// The hub speaks first: where it redirects to a store, the store's own headers do not count.
    mutating func merge(_ headers: HTTPHeaders) {
        func header(_ name: String) -> String? { headers.first(name: name) }
        tag = tag ?? (header("X-Linked-Etag") ?? header("ETag")).map(Self.unquoted)
        size = size ?? header("X-Linked-Size").flatMap { Int($0) }
        commit = commit ?? header("X-Repo-Commit")
    }

    private static func unquoted(_ text: String) -> String {
        (text.hasPrefix("W/") ? text.dropFirst(2) : text[...]).trimmingCharacters(in: CharacterSet(charactersIn: "\""))
    }
}

/// Asks a hub that speaks as huggingface.co does. To be shut down after use.
public final class HubClient: Sendable {
    public struct Options: Sendable {
        /// `HF_ENDPOINT`, or huggingface.co.
        public var endpoint: URL
        /// `HF_TOKEN`: sent to the endpoint's own host and port only.
        var token: String?
        var proxies: ProxySettings
        /// How many times in a row a request may fail before it is given up.
        public var attempts = 6
        /// The pause before the second attempt; it doubles with each.
        public var firstPause: Duration = .milliseconds(500)
        /// How long nothing may arrive before a connection counts as lost.
        public var idleLimit: Duration = .seconds(30)

        /// Reads `HF_ENDPOINT`, `HF_TOKEN` and the proxies.
        ///
        /// - Throws: `HubError.invalid` if one of them makes no sense.
        public init(environment: [String: String]) throws(HubError) {
            let text = environment["HF_ENDPOINT"].flatMap { $0.isEmpty ? nil : $0 } ?? "https://huggingface.co"
            guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false else {
                throw .invalid("HF_ENDPOINT must be an address such as https://huggingface.co, not '\(text)'")
            }
            endpoint = url
            token = environment["HF_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
            if let token, !token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
                throw .invalid("HF_TOKEN holds characters that no token has")
            }
            proxies = try ProxySettings(environment: environment)
        }
    }

    /// An answer whose body is still to be read.
    struct Reply {
        var response: HTTPClientResponse
        var metadata: FileMetadata
    }

    public let options: Options
    private let userAgent: String
    private let clients = Mutex<[ProxySettings.Proxy?: HTTPClient]>([:])
    private static let redirectLimit = 10

    /// - Parameter userAgent: what the hub's log calls this program: `excite/0.1.0`.
    public init(options: Options, userAgent: String) {
        self.options = options
        self.userAgent = userAgent
    }

    /// Ends the connections.
    public func shutDown() async {
        let all = clients.withLock { Array($0.values) }
        for client in all { try? await client.shutdown() }
    }

    /// Follows redirects by itself, because the token must not follow them to other hosts and the hub's headers come with the redirect.
    ///
    /// - Parameter offset: the first byte that is wanted, given what is known of the file so far: nothing when the hub is asked, and what
    ///   the hub said when the store that it names is asked.
    func get(_ url: URL, from offset: (FileMetadata) throws -> Int = { _ in 0 }) async throws -> Reply {
        var url = url
        var metadata = FileMetadata()
        for _ in 0...Self.redirectLimit {
            var request = HTTPClientRequest(url: url.absoluteString)
            request.headers.add(name: "User-Agent", value: userAgent)
            request.headers.add(name: "Accept-Encoding", value: "identity")
            let offset = try offset(metadata)
            if offset > 0 { request.headers.add(name: "Range", value: "bytes=\(offset)-") }
            if let token = options.token, Self.isSameOrigin(url, options.endpoint) {
                request.headers.add(name: "Authorization", value: "Bearer \(token)")
            }
            let response = try await client(for: url).execute(request, deadline: .distantFuture)
            metadata.merge(response.headers)
            guard [301, 302, 303, 307, 308].contains(response.status.code) else {
                return Reply(response: response, metadata: metadata)
            }
            guard let location = response.headers.first(name: "Location"), let next = URL(string: location, relativeTo: url)?.absoluteURL,
                ["http", "https"].contains(next.scheme), next.host?.isEmpty == false
            else { throw HubError.refused("\(url): redirected, but not to an address") }
            guard url.scheme == "http" || next.scheme == "https" else {
                throw HubError.refused("\(url): redirected from https to \(next), which is not encrypted")
            }
            url = next
        }
        throw HubError.refused("\(url): redirected more than \(Self.redirectLimit) times")
    }

    private static func isSameOrigin(_ a: URL, _ b: URL) -> Bool {
        func port(_ url: URL) -> Int { url.port ?? (url.scheme == "https" ? 443 : 80) }
        return a.scheme == b.scheme && a.host?.lowercased() == b.host?.lowercased() && port(a) == port(b)
    }

    private func client(for url: URL) -> HTTPClient {
        let proxy = options.proxies.proxy(for: url)
        return clients.withLock { clients in
            if let client = clients[proxy] { return client }
            var configuration = HTTPClient.Configuration(
                redirectConfiguration: .disallow,
                timeout: .init(connect: .seconds(15), read: TimeAmount(options.idleLimit)), proxy: proxy)
            configuration.httpVersion = .http1Only
            // A failed connection is reported at once: the pauses between attempts are ours.
            configuration.connectionPool.retryConnectionEstablishment = false
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            clients[proxy] = client
            return client
        }
    }
}
