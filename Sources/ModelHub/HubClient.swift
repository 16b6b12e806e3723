import CCURL
import FoundationEssentials
import HTTPClient

/// Asks a hub that speaks as huggingface.co does. Proxies are the environment's, as libcurl reads it: `https_proxy`, `http_proxy`,
/// `all_proxy` and `no_proxy`.
public struct HubClient: Sendable {
    public struct Options: Sendable {
        /// `HF_ENDPOINT`, or huggingface.co.
        public var endpoint: URL
        /// `HF_TOKEN`: sent to the endpoint's own host and port only.
        var token: String?
        /// How many times in a row a request may fail before it is given up.
        public var attempts = 6
        /// How many times it may fail at all, however much each attempt brought.
        public var attemptsInAll = 1000
        /// The pause before the second attempt; it doubles with each.
        public var firstPause: Duration = .milliseconds(500)
        /// How long nothing may arrive before a connection counts as lost; whole seconds.
        public var idleLimit: Duration = .seconds(30)
        /// The most bytes of a file whose size nobody announced. The largest published checkpoint has 0.5 GiB.
        public var largestUnannounced = 4 << 30
        /// A proxy instead of the environment's; none if empty.
        var proxy: String?

        /// Reads `HF_ENDPOINT` and `HF_TOKEN`.
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
        }
    }

    /// An answer's head.
    struct Reply {
        var status: Int
        /// Names in lower case.
        var headers: [String: String]
        /// With what the answers said that redirected here.
        var metadata: FileMetadata
    }

    public let options: Options
    private let userAgent: String
    private static let redirectLimit = 10

    /// - Parameter userAgent: what the hub's log calls this program: `excite/0.1.0`.
    public init(options: Options, userAgent: String) {
        self.options = options
        self.userAgent = userAgent
    }

    /// Asks for a file, or for the rest of it. Redirects are followed, never from https to http, and the token never goes with them to
    /// another host, port or scheme.
    ///
    /// - Parameters:
    ///   - offset: the first byte that is wanted.
    ///   - wantsBody: is asked once, when the answer's head is there; where the body is not wanted, it is not waited for.
    ///   - body: is given each piece of it.
    /// - Throws: `HubError`, `Transient`, or what the closures throw.
    func get(
        _ url: URL, from offset: Int = 0, wantsBody: (Reply) throws -> Bool, body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        struct Unwanted: Error {}
        let transfer = try self.transfer(url, from: offset)
        try withoutActuallyEscaping(wantsBody) { wantsBody in
            try withoutActuallyEscaping(body) { body in
                var isAsked = false
                func ask() throws {
                    guard !isAsked else { return }
                    isAsked = true
                    guard try wantsBody(Self.reply(transfer)) else { throw Unwanted() }
                }
                transfer.onBody = { bytes in
                    try ask()
                    try body(bytes)
                }
                defer { transfer.onBody = { _ in } }
                do {
                    try transfer.perform()
                    // An answer without a body.
                    try ask()
                } catch is Unwanted {
                } catch let failure as TransferFailure {
                    throw Self.error(failure, of: transfer, url)
                }
            }
        }
    }

    private func transfer(_ url: URL, from offset: Int) throws -> Transfer {
        do {
            let transfer = try Transfer(url: url.absoluteString, keepsHeaders: true)
            try transfer.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
            try transfer.set(CURLOPT_FOLLOWLOCATION, 1)
            try transfer.set(CURLOPT_MAXREDIRS, Self.redirectLimit)
            if url.scheme == "https" { try transfer.set(CURLOPT_REDIR_PROTOCOLS_STR, "https") }
            // Otherwise a proxy's answer to CONNECT counts as one of the hub's.
            try transfer.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
            if let proxy = options.proxy { try transfer.set(CURLOPT_PROXY, proxy) }
            try transfer.set(CURLOPT_USERAGENT, userAgent)
            try transfer.setHeaders(["Accept-Encoding: identity"])
            if offset > 0 { try transfer.set(CURLOPT_RANGE, "\(offset)-") }
            if let token = options.token, Self.isSameOrigin(url, options.endpoint) {
                // Unlike a header of one's own, libcurl's bearer token goes to the first host, port and scheme only.
                try transfer.set(CURLOPT_HTTPAUTH, curl_auth_bearer())
                try transfer.set(CURLOPT_XOAUTH2_BEARER, token)
            }
            try transfer.set(CURLOPT_CONNECTTIMEOUT, 15)
            try transfer.set(CURLOPT_LOW_SPEED_LIMIT, 1)
            try transfer.set(CURLOPT_LOW_SPEED_TIME, max(1, Int(options.idleLimit.components.seconds)))
            return transfer
        } catch {
            throw HubError.unreachable("\(url): \(error)")
        }
    }

    private static func reply(_ transfer: Transfer) -> Reply {
        var metadata = FileMetadata()
        for answer in transfer.answers { metadata.merge(answer) }
        return Reply(status: transfer.status, headers: transfer.answers.last ?? [:], metadata: metadata)
    }

    private static func isSameOrigin(_ a: URL, _ b: URL) -> Bool {
        func port(_ url: URL) -> Int { url.port ?? (url.scheme == "https" ? 443 : 80) }
        return a.scheme == b.scheme && a.host?.lowercased() == b.host?.lowercased() && port(a) == port(b)
    }

    /// `HubError` where asking again is of no use, otherwise `Transient`.
    private static func error(_ failure: TransferFailure, of transfer: Transfer, _ url: URL) -> any Error {
        switch failure.code {
        case CURLE_TOO_MANY_REDIRECTS: HubError.refused("\(url): redirected more than \(redirectLimit) times")
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT:
            if let location = transfer.answers.last?["location"] {
                HubError.refused("\(url): redirected to \(location), which is not \(url.scheme == "https" ? "https" : "http or https")")
            } else {
                HubError.refused("\(url): \(failure)")
            }
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE: HubError.refused("\(url): \(failure)")
        case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING: Transient(reason: "the connection was cut")
        case CURLE_OPERATION_TIMEDOUT: Transient(reason: "nothing arrived for too long")
        default: Transient(reason: "\(failure)")
        }
    }
}
