import ArgumentParser
import Logging
import Service

/// What is logged, and how it looks.
struct LogOptions: ParsableArguments {
    @Option(help: "text or json.")
    var logFormat: LogFormat = environment("log-format", default: .text)

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: LogLevel = environment("log-level", default: .info)
}

extension LogFormat: ExpressibleByArgument {}

/// The log's levels by swift-log's names, as an option.
enum LogLevel: String, ExpressibleByArgument, CaseIterable {
    case trace, debug, info, notice, warning, error, critical

    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}
