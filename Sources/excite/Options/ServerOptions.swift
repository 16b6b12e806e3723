import ArgumentParser
import HTTPServer
import Logging
import Service

/// Where the server listens, and what it bounds of connections and requests.
struct ServerOptions: ParsableArguments {
    @Option(help: "The address to listen on; 0.0.0.0 for all.")
    var host: String = environment("host", default: "127.0.0.1")

    @Option(help: "The port to listen on; 0 takes a free one.")
    var port: UInt16 = environment("port", default: 8080)

    @Option(
        help: ArgumentHelp(
            "The path of a Unix-domain socket to listen on instead of --host and --port.",
            discussion: "It is plain HTTP, and no client of it is held to one client's share. Sockets from systemd come before all three.",
            valueName: "path"))
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "The server's certificate and those between it and a root, in PEM: then TLS 1.3 and 1.2 are spoken, but on --probe-port.",
            discussion: "A file that changes is taken by handshakes a second later; connections that are open stay.", valueName: "file"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("The certificate's private key, in PEM without a password.", valueName: "file"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "Certificates in PEM: a client has to come with one that one of these signed. Read once.", valueName: "file"))
    var tlsClientCa: String?

    @Option(help: "The largest request body, in bytes.")
    var maxBody: Int = environment("max-body", default: 16 << 20)

    @Option(help: "The most bytes that all request bodies in memory may have together; more are refused with 429.")
    var maxPendingBytes: Int = environment("max-pending-bytes", default: 256 << 20)

    @Option(help: "The largest head of a request, in bytes.")
    var maxHeader: Int = environment("max-header", default: 32 << 10)

    @Option(help: "The most images a request may have.")
    var maxParts: Int = environment("max-parts", default: 64)

    @Option(help: "The most connections at a time.")
    var maxConnections: Int = environment("max-connections", default: 1024)

    @Option(help: "The most connections at a time from one client address; 0 for no limit. (default: half of --max-connections)")
    var maxClientConnections: Int?

    @Option(
        help: "The most bytes of one client's request bodies in memory; 0 for no limit. (default: a quarter of --max-pending-bytes)")
    var maxClientBytes: Int?

    @Option(
        help: ArgumentHelp(
            "An address, or a network such as 10.0.0.0/8, that speaks for many clients, as a proxy's does; repeat it for several.",
            discussion: "It is not held to the share of one client.", valueName: "address"))
    var trustedClient: [AddressRange] = environment("trusted-client")

    @Option(help: "A port of its own for the probes and /metrics: whatever becomes of the other, it answers; 0 takes a free one.")
    var probePort: UInt16?

    @Option(
        help: ArgumentHelp(
            "A port of its own for who runs the server: then /metrics, /v2/repository and the page's charts are at no other.",
            discussion: """
                All else is answered there, too, over the limits of connections, and with the same keys and certificates; 0 takes a free one.
                """, valueName: "port"))
    var adminPort: UInt16?

    @Option(help: "How long a request's head and body may take to arrive, however steadily they drip, in seconds.")
    var receiveTimeout: Double = environment("receive-timeout", default: 30)

    @Option(help: "Bytes a second that a request's body must arrive at, over any 10 seconds; 0 for any.")
    var minUploadRate: Int = environment("min-upload-rate", default: 1024)

    @Option(
        help: """
            How long a connection may be silent between requests, or while an answer is read, in seconds: longer than proxies keep theirs, \
            so that they do not send into one that closes.
            """)
    var idleTimeout: Double = environment("idle-timeout", default: 75)

    @Flag(help: "No page for people at /.")
    var noPage: Bool = environmentFlag("no-page")

    @Flag(help: "The page at / without the charts of what the server does.")
    var noPageMetrics: Bool = environmentFlag("no-page-metrics")

    func validate() throws {
        try require("--max-body", maxBody, in: 1024...1 << 30, "bytes")
        try require("--max-pending-bytes", maxPendingBytes, in: maxBody...1 << 40, "bytes, and no less than --max-body")
        try require("--max-header", maxHeader, in: 1024...1 << 20, "bytes")
        try require("--max-parts", maxParts, in: 1...10_000)
        try require("--max-connections", maxConnections, in: 1...100_000)
        if let clientConnections { try require("--max-client-connections", clientConnections, in: 0...100_000) }
        if let clientBytes { try require("--max-client-bytes", clientBytes, in: 0...1 << 40, "bytes") }
        try require("--min-upload-rate", minUploadRate, in: 0...1 << 30, "bytes a second")
        try require("--receive-timeout", receiveTimeout, above: 0, upTo: 3600, "seconds")
        guard (tlsFiles.certificate == nil) == (tlsFiles.key == nil) else {
            throw ValidationError("--tls-certificate and --tls-key go together; give both or none.")
        }
        guard tlsFiles.authorities == nil || tlsFiles.certificate != nil else {
            throw ValidationError("--tls-client-ca needs --tls-certificate and --tls-key.")
        }
        try require("--idle-timeout", idleTimeout, above: 0, upTo: 3600, "seconds")
    }

    var page: PageContent {
        if noPage { return .none }
        return noPageMetrics ? .withoutMetrics : .full
    }

    private var clientConnections: Int? { maxClientConnections ?? environment("max-client-connections") }
    private var clientBytes: Int? { maxClientBytes ?? environment("max-client-bytes") }

    private var tlsFiles: (certificate: String?, key: String?, authorities: String?) {
        (
            tlsCertificate ?? environment("tls-certificate"), tlsKey ?? environment("tls-key"),
            tlsClientCa ?? environment("tls-client-ca")
        )
    }

    /// Nil for plain HTTP.
    ///
    /// - Throws: `ServerError` where the files cannot be used.
    func tls(_ logger: Logger) throws -> TLSCredentials? {
        guard let certificate = tlsFiles.certificate, let key = tlsFiles.key else { return nil }
        return try TLSCredentials(certificate: certificate, key: key, clientAuthorities: tlsFiles.authorities) { error in
            if let error {
                logger.error("the certificate stays as it was", metadata: ["reason": .string(error.message)])
            } else {
                logger.info("the certificate was read again")
            }
        }
    }

    var configuration: ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.host = host
        configuration.port = port
        configuration.socketPath = socket ?? environment("socket")
        configuration.inheritedSockets = inheritedSockets
        configuration.bodyLimit = maxBody
        configuration.bodyMemoryLimit = maxPendingBytes
        configuration.headerLimit = maxHeader
        configuration.partLimit = maxParts
        configuration.connectionLimit = maxConnections
        configuration.connectionsPerClient = clientConnections
        configuration.bodyMemoryPerClient = clientBytes
        configuration.trustedClients = trustedClient
        configuration.probePort = probePort ?? environment("probe-port")
        configuration.adminPort = adminPort ?? environment("admin-port")
        configuration.uploadRate = minUploadRate
        configuration.receiveTimeout = .seconds(receiveTimeout)
        configuration.idleTimeout = .seconds(idleTimeout)
        return configuration
    }
}

extension AddressRange: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
