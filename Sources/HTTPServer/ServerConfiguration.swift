/// Where the server listens and what it bounds. Every bound has an answer of its own; nothing is unlimited by accident.
public struct ServerConfiguration: Sendable {
    /// A numeric address or a host name. A name with several addresses (`localhost`) is listened to on each of them;
    /// `0.0.0.0` is every IPv4 address, `::` every address of both families.
    public var host = "127.0.0.1"
    /// The TCP port; 0 takes any free one (see ``Server/port``).
    public var port: UInt16 = 8080
    /// The path of a Unix-domain socket, which takes the place of ``host`` and ``port``. Its clients are trusted as ``trustedClients`` are.
    public var socketPath: String?
    /// Descriptors of listening sockets that the process was started with, which take the place of all of these.
    public var inheritedSockets: [Int32] = []
    /// With which connections are encrypted, but those to ``probePort`` and Unix-domain sockets; nil for plain HTTP.
    public var tls: TLSCredentials?
    /// Threads that read requests and write responses.
    public var threads = 2
    /// The largest request body in bytes, as sent (a multipart body with its boundaries); past it 413 `body_too_large`.
    public var bodyLimit = 16 << 20
    /// Bytes of all bodies together that are here: arriving, or of requests not yet answered. Past it 429 `too_many_bytes`.
    public var bodyMemoryLimit = 256 << 20
    /// Bytes of the bodies of one client; 0 is no limit, nil a quarter of ``bodyMemoryLimit``. Past it 429 `too_many_bytes`.
    /// Never less than one body may have.
    public var bodyMemoryPerClient: Int?
    /// The most parts of a multipart body; past it 413 `too_many_parts`.
    public var partLimit = 64
    /// Bytes of a request's head, from its first line to the empty one; past it 431 `head_too_large`.
    public var headerLimit = 32 << 10
    /// Header fields of a request; past it 431 `too_many_headers`.
    public var headerFieldLimit = 1000
    /// Bytes of a request's target, path and query together; past it 414 `url_too_long`.
    public var targetLimit = 8 << 10
    /// Fields of a query; past it 414 `too_many_query_fields`.
    public var queryFieldLimit = 500
    /// Connections open at once; past it 503 `too_many_connections`.
    public var connectionLimit = 1024
    /// Connections open at once from one client; 0 is no limit, nil half of ``connectionLimit``. Past it 429 `too_many_connections`.
    /// A client is an IPv4 address, or an IPv6 network of 64 bits.
    public var connectionsPerClient: Int?
    /// Addresses that speak for many clients, such as a proxy's: what one client may have does not bound them.
    public var trustedClients: [AddressRange] = []
    /// Paths of probes, which are answered (GET and HEAD) on connections over the limits, too. Such a connection ends with its answer.
    public var probePaths: Set<String> = []
    /// Connections over the limits that are taken for probes' sake; the oldest that has asked nothing yet makes way for a new one.
    public var probeReserve = 32
    /// A port for probes alone: nobody else's connections stand in their way; 0 takes any free one (see ``Server/probePort``).
    public var probePort: UInt16?
    /// A port of its own for who runs the server: its requests are told apart by ``RequestHead/entrance``, and its connections taken over the
    /// limits; 0 takes any free one (see ``Server/adminPort``).
    public var adminPort: UInt16?
    /// How long a request may take to arrive, head and body, however steadily it drips; past it 408 `request_timeout`.
    /// Counted from its first byte.
    public var receiveTimeout: Duration = .seconds(30)
    /// Bytes a second of a body that have to arrive over any ``uploadGrace``; below it 408 `upload_too_slow`.
    public var uploadRate = 1 << 10
    /// How long a body may arrive more slowly than ``uploadRate``.
    public var uploadGrace: Duration = .seconds(10)
    /// How long a connection may stay silent before a request, between requests, or while a response is read; rounded up to seconds.
    /// Longer than the 60 seconds that proxies keep theirs, so that they do not send into a closing one.
    public var idleTimeout: Duration = .seconds(75)

    /// The defaults as documented.
    public init() {}

    func validate() throws {
        func require(_ holds: Bool, _ rule: String) throws {
            if !holds { throw ServerError(message: "The HTTP server's configuration is not usable: \(rule).") }
        }
        try require((1...256).contains(threads), "threads must be between 1 and 256, not \(threads)")
        try require(bodyLimit > 0, "the body limit must be at least 1 byte, not \(bodyLimit)")
        try require(
            bodyMemoryLimit >= bodyLimit,
            "the limit of all bodies together must be at least that of one, \(bodyLimit) bytes, not \(bodyMemoryLimit)")
        try require(partLimit > 0, "the part limit must be at least 1, not \(partLimit)")
        try require((1024...(64 << 20)).contains(headerLimit), "the header limit must be 1 KiB to 64 MiB, not \(headerLimit) bytes")
        try require((1...1_000_000).contains(connectionLimit), "the connection limit must be 1 to 1,000,000, not \(connectionLimit)")
        try require(connectionsPerClient ?? 0 >= 0, "connections per client must be 0 (no limit) or more")
        try require(bodyMemoryPerClient ?? 0 >= 0, "the bytes of a client's bodies must be 0 (no limit) or more")
        try require(headerFieldLimit > 0 && queryFieldLimit > 0 && targetLimit > 0, "limits of the head must be at least 1")
        try require((0...10_000).contains(probeReserve), "the reserve must be 0 to 10,000 connections, not \(probeReserve)")
        try require(uploadRate >= 0, "the upload rate must be 0 or more, not \(uploadRate)")
        try require(uploadGrace > .zero, "the upload grace must be longer than zero, not \(uploadGrace)")
        try require(receiveTimeout > .zero, "the receive timeout must be longer than zero, not \(receiveTimeout)")
        try require(idleTimeout > .zero && idleTimeout <= .seconds(86_400), "the idle timeout must be up to a day, not \(idleTimeout)")
    }
}

extension ServerConfiguration {
    var headLimits: HeadLimits {
        HeadLimits(bytes: headerLimit, fields: headerFieldLimit, target: targetLimit, queryFields: queryFieldLimit)
    }

    /// The most connections of one client; nil for no limit.
    var connectionShare: Int? { connectionsPerClient.map { $0 == 0 ? nil : $0 } ?? max(1, connectionLimit / 2) }

    /// The most body bytes of one client; nil for no limit.
    var bodyMemoryShare: Int? { bodyMemoryPerClient.map { $0 == 0 ? nil : max($0, bodyLimit) } ?? max(bodyMemoryLimit / 4, bodyLimit) }

    /// Whether an address is one of `trustedClients`.
    public func isTrusted(_ client: String) -> Bool { client == localClient || trustedClients.contains { $0.contains(client) } }
}

/// Why the server could not start: what was wrong and what to do.
public struct ServerError: Error, CustomStringConvertible, Sendable {
    /// A sentence or two for the person who started the program.
    public let message: String
    public var description: String { message }
}
