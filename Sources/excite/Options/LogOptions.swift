import ArgumentParser
import Logging
import Service

/// What is logged, and how it looks.
struct LogOptions: ParsableArguments {
    @Option(help: "text or json.")
    var logFormat: LogFormat = environment("log-format", default: .text)

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: Logger.Level = environment("log-level", default: .info)
}

extension LogFormat: ExpressibleByArgument {}
extension Logger.Level: @retroactive ExpressibleByArgument {}
