import ArgumentParser
import FoundationEssentials
import HTTPServer
import Logging
import SENet
import Service
import ServiceLifecycle
import Serving

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve models over HTTP.",
        discussion: """
            POST an image to /classify: curl -F image=@cat.jpg localhost:8080/classify, or open / in a browser. Also: GET /models, /metrics, /openapi.json, and \
            the probes /livez, /readyz, /healthz.

            Nothing needs tuning. Images that wait while the engine computes run together; by --queue a second's work may wait, and what \
            comes then is refused with 429 and told when to come back, as is a request whose deadline (X-Deadline-Ms, or \
            --default-deadline) would pass first.

            Spans of requests go to an OpenTelemetry collector where OTEL_EXPORTER_OTLP_ENDPOINT says where it is; OTEL_TRACES_SAMPLER, \
            OTEL_SERVICE_NAME and the like are heeded.

            SIGTERM or SIGINT: no longer ready; after --drain-delay the socket closes, accepted requests are answered, and the program \
            ends with 0, at the latest 2 seconds after --drain-timeout has passed, too. A second SIGINT ends it at once. At SIGHUP \
            the models' folders are looked at again, and the file of --api-keys is read again.
            """)

    @OptionGroup var servedModels: ServedModelsOptions
    @OptionGroup var modelsFolder: ModelsFolderOptions
    @OptionGroup var threadOptions: ThreadOptions
    @OptionGroup var precisionOptions: PrecisionOptions
    @OptionGroup var serverOptions: ServerOptions
    @OptionGroup var accessOptions: AccessOptions
    @OptionGroup var poolOptions: PoolOptions
    @OptionGroup var imageOptions: ImageOptions

    @Option(help: "After SIGTERM, how long new connections are still served, so that load balancers notice, in seconds.")
    var drainDelay: Double = environment("drain-delay", default: 0)

    @Option(help: "After that, how long accepted requests may take, in seconds.")
    var drainTimeout: Double = environment("drain-timeout", default: 30)

    @OptionGroup var logOptions: LogOptions

    func validate() throws {
        try require("--drain-delay", drainDelay, in: 0...3600, "seconds")
        try require("--drain-timeout", drainTimeout, in: 0...3600, "seconds")
    }

    func run() async throws {
        ServerProcess.prepare()
        let logWriter = try logOptions.logFormat.bootstrap(level: logOptions.logLevel.level)
        let logger = Logger(label: "excite")
        for name in try unknownEnvironmentVariables() {
            logger.warning("an environment variable is not known, and ignored", metadata: ["name": .string(name)])
        }
        var server = serverOptions.configuration
        do {
            server.tls = try serverOptions.tls(logger)
        } catch let error as ServerError {
            printError(error.message)
            throw ExitCode.failure
        }
        let tracing: TracingConfiguration?
        do {
            tracing = try TracingConfiguration(environment: ProcessInfo.processInfo.environment)
        } catch {
            printError("\(error)")
            throw ExitCode.failure
        }
        let configuration = ClassifierService.Configuration(
            models: try servedModels.configuration(in: modelsFolder.folder, imageOptions, precisionOptions.chosen),
            isAdministered: servedModels.admin, pool: poolOptions.configuration(threadOptions, imageOptions), server: server,
            deadlines: poolOptions.deadlines, origins: accessOptions.origins, keys: try accessOptions.keys,
            cache: poolOptions.cache > 0 ? poolOptions.cache : nil, tracing: tracing, page: serverOptions.page,
            drainDelay: .seconds(drainDelay), drainTimeout: .seconds(drainTimeout))
        let service = ClassifierService(configuration, logger: logger, logWriter: logWriter)
        var quiet = Logger(label: "excite.lifecycle")
        quiet.logLevel = .error
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet))
        do {
            try await group.run()
        } catch {
            logger.critical("\(error)")
            logWriter.flush(within: .seconds(1))
            throw ExitCode.failure
        }
    }
}
