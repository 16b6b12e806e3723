/// Where the server listens and what it bounds. Every bound has an answer of its own; nothing is unlimited by accident.
public struct ServerConfiguration: Sendable {
    /// A numeric address or a host name. A name with several addresses (`localhost`) is listened to on each of them;
    /// `0.0.0.0` is every IPv4 address, `::` every address of both families.
    public var host = "127.0.0.1"
    /// The TCP port; 0 takes any free one (see ``Server/port``).
    public var port: UInt16 = 8080
    /// Threads that read requests and write responses.
    public var threads = 2
    /// The largest request body in bytes, as sent (a multipart body with its boundaries); past it 413 `body_too_large`.
    public var bodyLimit = 16 << 20
    /// Bytes of all bodies together that are here: arriving, or of requests not yet answered. Past it 429 `too_many_bytes`.
    public var bodyMemoryLimit = 256 << 20
    /// The most parts of a multipart body; past it 413 `too_many_parts`.
    public var partLimit = 64
    /// Bytes of memory a connection has for the request's head; a head that does not fit is answered 431 (or 414).
    public var headerLimit = 32 << 10
    /// Connections open at once; past it a new one is answered 503 `too_many_connections` and closed.
    public var connectionLimit = 1024
    /// Connections open at once from one client address; 0 is no limit. Past it 429 `too_many_connections`.
    public var connectionsPerClient = 0
    /// How long a request may take to arrive, head and body, however steadily it drips; past it 408 `request_timeout`.
    /// Counted from the accepted connection, on a connection kept alive from the request line.
    public var receiveTimeout: Duration = .seconds(30)
    /// How long a connection may stay silent between requests, or while a response is read; rounded up to seconds.
    public var idleTimeout: Duration = .seconds(60)

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
        try require(connectionsPerClient >= 0, "connections per client must be 0 (no limit) or more, not \(connectionsPerClient)")
        try require(receiveTimeout > .zero, "the receive timeout must be longer than zero, not \(receiveTimeout)")
        try require(idleTimeout > .zero && idleTimeout <= .seconds(86_400), "the idle timeout must be up to a day, not \(idleTimeout)")
    }
}

/// Why the server could not start: what was wrong and what to do.
public struct ServerError: Error, CustomStringConvertible, Sendable {
    /// A sentence or two for the person who started the program.
    public let message: String
    public var description: String { message }
}
