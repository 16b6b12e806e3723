import ArgumentParser
import Foundation
import HTTPServer
import Imaging
import Logging
import SENet
import ServiceLifecycle
import Serving
import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve models over HTTP.",
        discussion: """
            POST an image to /classify: curl -F image=@cat.jpg localhost:8080/classify. Also: GET /models, /metrics, /openapi.json, and \
            the probes /livez, /readyz, /healthz.

            Nothing needs tuning. Images that wait while the engine computes run together; by --queue a second's work may wait, and what \
            comes then is refused with 429 and told when to come back, as is a request whose deadline (X-Deadline-Ms, or \
            --default-deadline) would pass first.

            SIGTERM or SIGINT: no longer ready; after --drain-delay the socket closes, accepted requests are answered, and the program \
            ends with 0, at the latest 2 seconds after --drain-timeout has passed, too. A second SIGINT ends it at once.
            """)

    @Option(
        help: ArgumentHelp(
            "A model's folder, or the name of a pulled model; repeat it for several. (default: the model that comes with the program)",
            valueName: "model"))
    var model: [String] = environment("model")

    @OptionGroup var modelsFolder: ModelsFolderOptions

    @OptionGroup var threadOptions: ThreadOptions

    @Option(help: "The address to listen on; 0.0.0.0 for all.")
    var host: String = environment("host", default: "127.0.0.1")

    @Option(help: "The port to listen on; 0 takes a free one.")
    var port: UInt16 = environment("port", default: 8080)

    @Option(help: "The most images that one run of the engine takes.")
    var maxBatch: Int = environment("max-batch", default: 16)

    @Option(help: "How long a free session waits for a fuller batch, in milliseconds; with 0 an image never waits for others.")
    var maxDelay: Double = environment("max-delay", default: 0)

    @Option(
        help: ArgumentHelp(
            "At so many waiting images of a model more requests are refused with 429. (default: what a second clears, as measured)",
            discussion: "A request's images are accepted or refused together, so the last one may go over the limit.", valueName: "images"))
    var queue: Int?

    @Option(help: "The most requests that one client address may have in flight; more are refused with 429; 0 for no limit.")
    var maxClientRequests: Int = environment("max-client-requests", default: 0)

    @Option(help: "The largest request body, in bytes.")
    var maxBody: Int = environment("max-body", default: 16 << 20)

    @Option(help: "The most bytes that all request bodies in memory may have together; more are refused with 429.")
    var maxPendingBytes: Int = environment("max-pending-bytes", default: 256 << 20)

    @Option(help: "The largest head of a request, in bytes.")
    var maxHeader: Int = environment("max-header", default: 32 << 10)

    @Option(help: "The most images a request may have.")
    var maxParts: Int = environment("max-parts", default: 64)

    @OptionGroup var imageOptions: ImageOptions

    @Option(help: "The most connections at a time.")
    var maxConnections: Int = environment("max-connections", default: 1024)

    @Option(help: "The most connections at a time from one client address; 0 for no limit.")
    var maxClientConnections: Int = environment("max-client-connections", default: 0)

    @Option(help: "How long a request's head and body may take to arrive, however steadily they drip, in seconds.")
    var receiveTimeout: Double = environment("receive-timeout", default: 30)

    @Option(help: "How long a connection may be silent between requests, or while an answer is read, in seconds.")
    var idleTimeout: Double = environment("idle-timeout", default: 60)

    @Option(help: "The deadline of requests without X-Deadline-Ms, in milliseconds; 0 for none.")
    var defaultDeadline: Int = environment("default-deadline", default: 0)

    @Option(help: "The longest deadline of any request, in milliseconds; 0 for any.")
    var maxDeadline: Int = environment("max-deadline", default: 0)

    @Option(help: "After SIGTERM, how long new connections are still served, so that load balancers notice, in seconds.")
    var drainDelay: Double = environment("drain-delay", default: 0)

    @Option(help: "After that, how long accepted requests may take, in seconds.")
    var drainTimeout: Double = environment("drain-timeout", default: 30)

    @Option(help: "text or json.")
    var logFormat: LogFormat = environment("log-format", default: .text)

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: LogLevel = environment("log-level", default: .info)

    func validate() throws {
        func require(_ condition: Bool, _ what: String) throws { if !condition { throw ValidationError("\(what).") } }
        try require((1...1024).contains(maxBatch), "--max-batch must be from 1 to 1,024")
        try require((0...60_000).contains(maxDelay), "--max-delay must be from 0 to 60,000 milliseconds")
        try require((1...1_000_000).contains(queueLimit ?? 1), "--queue must be from 1 to 1,000,000")
        try require((0...1_000_000).contains(maxClientRequests), "--max-client-requests must be from 0 to 1,000,000")
        try require((1024...1 << 30).contains(maxBody), "--max-body must be from 1,024 to \((1 << 30).grouped) bytes")
        try require((maxBody...1 << 40).contains(maxPendingBytes), "--max-pending-bytes must be from --max-body to \((1 << 40).grouped)")
        try require((1024...1 << 20).contains(maxHeader), "--max-header must be from 1,024 to \((1 << 20).grouped) bytes")
        try require((1...10_000).contains(maxParts), "--max-parts must be from 1 to 10,000")
        try require((1...100_000).contains(maxConnections), "--max-connections must be from 1 to 100,000")
        try require((0...100_000).contains(maxClientConnections), "--max-client-connections must be from 0 to 100,000")
        try require(idleTimeout > 0 && idleTimeout <= 3600, "--idle-timeout must be above 0 and at most 3,600 seconds")
        try require(receiveTimeout > 0 && receiveTimeout <= 3600, "--receive-timeout must be above 0 and at most 3,600 seconds")
        try require((0...86_400_000).contains(defaultDeadline), "--default-deadline must be from 0 to 86,400,000 milliseconds")
        try require((0...86_400_000).contains(maxDeadline), "--max-deadline must be from 0 to 86,400,000 milliseconds")
        try require((0...3600).contains(drainDelay), "--drain-delay must be from 0 to 3,600 seconds")
        try require((0...3600).contains(drainTimeout), "--drain-timeout must be from 0 to 3,600 seconds")
    }

    func run() async throws {
        logFormat.bootstrap(level: logLevel.level)
        let logger = Logger(label: "excite")
        let folders = try model.isEmpty ? [EmbeddedModel.folder()] : model.map { try ModelLocation.folder($0, in: modelsFolder.folder) }
        let service = ClassifierService(options: self, folders: folders, logger: logger)
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "excite.lifecycle", level: .error)))
        do {
            try await group.run()
        } catch {
            logger.critical("\(error)")
            throw ExitCode.failure
        }
    }

    var serverConfiguration: ServerConfiguration {
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

    /// `--queue`, or its environment variable; nil for a second's work.
    var queueLimit: Int? { queue ?? environment("queue") }

    var poolOptions: EnginePool.Options {
        var options = EnginePool.Options(threads: threadOptions.threads)
        options.largestBatch = maxBatch
        options.maxDelay = .seconds(maxDelay / 1000)
        options.queue = queueLimit
        options.clientRequests = maxClientRequests
        options.decoder = imageOptions.decoder
        return options
    }

    var deadlines: Routes.Deadlines {
        Routes.Deadlines(
            standard: defaultDeadline > 0 ? .milliseconds(defaultDeadline) : nil,
            longest: maxDeadline > 0 ? .milliseconds(maxDeadline) : nil)
    }
}

extension Logger {
    fileprivate init(label: String, level: Logger.Level) {
        self.init(label: label)
        logLevel = level
    }
}
