import ArgumentParser
import HTTPServer
import Service

/// Where the server listens, and what it bounds of connections and requests.
struct ServerOptions: ParsableArguments {
    @Option(help: "The address to listen on; 0.0.0.0 for all.")
    var host: String = environment("host", default: "127.0.0.1")

    @Option(help: "The port to listen on; 0 takes a free one.")
    var port: UInt16 = environment("port", default: 8080)

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

    @Option(help: "The most connections at a time from one client address; 0 for no limit.")
    var maxClientConnections: Int = environment("max-client-connections", default: 0)

    @Option(help: "How long a request's head and body may take to arrive, however steadily they drip, in seconds.")
    var receiveTimeout: Double = environment("receive-timeout", default: 30)

    @Option(help: "How long a connection may be silent between requests, or while an answer is read, in seconds.")
    var idleTimeout: Double = environment("idle-timeout", default: 60)

    func validate() throws {
        try require("--max-body", maxBody, in: 1024...1 << 30, "bytes")
        try require("--max-pending-bytes", maxPendingBytes, in: maxBody...1 << 40, "bytes, and no less than --max-body")
        try require("--max-header", maxHeader, in: 1024...1 << 20, "bytes")
        try require("--max-parts", maxParts, in: 1...10_000)
        try require("--max-connections", maxConnections, in: 1...100_000)
        try require("--max-client-connections", maxClientConnections, in: 0...100_000)
        try require("--receive-timeout", receiveTimeout, above: 0, upTo: 3600, "seconds")
        try require("--idle-timeout", idleTimeout, above: 0, upTo: 3600, "seconds")
    }

    var configuration: ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.host = host
        configuration.port = port
        configuration.bodyLimit = maxBody
        configuration.bodyMemoryLimit = maxPendingBytes
        configuration.headerLimit = maxHeader
        configuration.partLimit = maxParts
        configuration.connectionLimit = maxConnections
        configuration.connectionsPerClient = maxClientConnections
        configuration.receiveTimeout = .seconds(receiveTimeout)
        configuration.idleTimeout = .seconds(idleTimeout)
        return configuration
    }
}
