import CGnuTLS
import Foundation
import Threads

/// A hub on the loopback that answers as huggingface.co does: small files itself, large ones by a redirect to a store on another host, with
/// the same headers; and it fails as it is told to. Hub and store have the same port, so that only the host tells them apart.
public final class FakeHub: Sendable {
    public struct Behaviour: Sendable {
        /// A file of 1 KiB or more lies in the store.
        public var files: [String: [UInt8]] = [:]
        public var repository = FakeHub.repository
        /// Without it everything is 401.
        public var token: String?
        /// Instead of the SHA-256 of what is sent.
        public var announced: String?
        /// Whether a SHA-256 is announced at all.
        public var announces = true
        public var commit = "0123456789abcdef0123456789abcdef01234567"
        /// Of each of the store's first answers, so many bytes are sent.
        public var cuts: [Int] = []
        /// Instead of cutting the connection then, the store says nothing more.
        public var stalls = false
        /// The store's first answers.
        public var storeStatuses: [Int] = []
        public var retryAfter: String?
        public var knowsRanges = true
        /// The store sends so many bytes too many.
        public var excess = 0
        /// The hub sends large files itself.
        public var isDirect = false
        /// The hub sends small files from another path of its own, which it redirects to without a host.
        public var redirectsSmallFiles = false

        public init() {}
    }

    private let state: State
    public let hub: SocketServer
    public let store: SocketServer

    private final class State: Sendable {
        let behaviour: Mutex<Behaviour>
        init(_ behaviour: Behaviour) { self.behaviour = Mutex(behaviour) }
    }

    public static let repository = "someone/a-model"

    public init(_ behaviour: Behaviour) throws {
        let state = State(behaviour)
        self.state = state
        func servers() throws -> (hub: SocketServer, store: SocketServer) {
            let store = try SocketServer(host: "127.0.0.2") { request in state.behaviour.withLock { $0.storeReply(request) } }
            let port = store.port
            return (try SocketServer(port: port) { request in state.behaviour.withLock { $0.hubReply(request, port: port) } }, store)
        }
        // What is free there may be taken here.
        (hub, store) = try (try? servers()) ?? (try? servers()) ?? servers()
    }

    public var endpoint: String { "http://127.0.0.1:\(hub.port)" }

    public func change(_ body: (inout Behaviour) -> Void) { state.behaviour.withLock { body(&$0) } }

    public static func sha256(_ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        precondition(gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, bytes.count, &digest) == 0)
        return digest.map { String(format: "%02x", $0) }.joined()
    }
}

extension FakeHub.Behaviour {
    fileprivate func hubReply(_ request: SocketServer.Request, port: UInt16) -> SocketServer.Reply {
        if let token, request.headers["authorization"] != "Bearer \(token)" { return .init(401) }
        let cache = "/cache"
        let isCached = request.target.hasPrefix(cache)
        let parts = request.target.dropFirst(isCached ? cache.count : 0).split(separator: "/").map(String.init)
        guard parts.count == 5, parts[0...1].joined(separator: "/") == repository, parts[2] == "resolve" else {
            return .init(404, headers: ["X-Error-Code": "RepoNotFound"])
        }
        guard ["main", "v2", commit].contains(parts[3]) else { return .init(404, headers: ["X-Error-Code": "RevisionNotFound"]) }
        guard let bytes = files[parts[4]] else { return .init(404, headers: ["X-Error-Code": "EntryNotFound"]) }
        var headers = ["X-Repo-Commit": commit]
        guard bytes.count >= 1024 else {
            headers["ETag"] = "\"41c9b1e2a3d4f5061728394a5b6c7d8e9fa0b1c2\""
            if redirectsSmallFiles, !isCached {
                headers["Location"] = "\(cache)\(request.target)"
                return .init(307, headers: headers)
            }
            return .init(200, headers: headers, body: bytes)
        }
        if announces { headers["X-Linked-Etag"] = "\"\(announced ?? FakeHub.sha256(bytes))\"" }
        headers["X-Linked-Size"] = String(bytes.count)
        if isDirect {
            var reply = ranged(request, bytes)
            reply.headers.merge(headers) { $1 }
            return reply
        }
        headers["Location"] = "http://127.0.0.2:\(port)/store/\(parts[4])?signature=x"
        return .init(302, headers: headers, body: Array("Found. Redirecting".utf8))
    }

    fileprivate mutating func storeReply(_ request: SocketServer.Request) -> SocketServer.Reply {
        guard request.headers["authorization"] == nil else { return .init(400, body: Array("the token must not come here".utf8)) }
        if !storeStatuses.isEmpty {
            let status = storeStatuses.removeFirst()
            if status != 200 { return .init(status, headers: retryAfter.map { ["Retry-After": $0] } ?? [:]) }
        }
        let name = request.target.dropFirst("/store/".count).prefix { $0 != "?" }
        guard let bytes = files[String(name)] else { return .init(403) }
        var reply = ranged(request, bytes + [UInt8](repeating: 0, count: excess))
        reply.headers["ETag"] = "\"the store's own\""
        if !cuts.isEmpty {
            reply.cutAfter = cuts.removeFirst()
            reply.stalls = stalls
        }
        return reply
    }

    private func ranged(_ request: SocketServer.Request, _ bytes: [UInt8]) -> SocketServer.Reply {
        guard knowsRanges, let match = request.headers["range"]?.wholeMatch(of: /bytes=(\d+)-/), let start = Int(match.1) else {
            return .init(200, body: bytes)
        }
        guard start < bytes.count else { return .init(416, headers: ["Content-Range": "bytes */\(bytes.count)"]) }
        return .init(206, headers: ["Content-Range": "bytes \(start)-\(bytes.count - 1)/\(bytes.count)"], body: Array(bytes[start...]))
    }
}
