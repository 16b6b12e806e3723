import ArgumentParser
import Foundation
import Logging

enum LogFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json

    /// Sets the process's log up: to standard error, a line an event.
    func bootstrap(level: Logger.Level) {
        LoggingSystem.bootstrap { label in
            var handler: any LogHandler = self == .json ? JSONLogHandler() : StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
    }
}

/// The log's levels by swift-log's names, as an option.
enum LogLevel: String, ExpressibleByArgument, CaseIterable {
    case trace, debug, info, notice, warning, error, critical

    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}

/// A JSON object a line: `time`, `level`, `message`, and the event's own fields.
struct JSONLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = metadata.merging(event.metadata ?? [:]) { $1 }
        fields["time"] = .string(Date.now.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true)))
        fields["level"] = .string(event.level.rawValue)
        fields["message"] = .string(event.message.description)
        guard var line = try? JSON.data(fields.mapValues(JSONLogValue.init)) else { return }
        line.append(UInt8(ascii: "\n"))
        FileHandle.standardError.write(line)
    }
}

/// A metadata value as JSON; what was a number stays one.
private struct JSONLogValue: Encodable {
    let value: Logger.Metadata.Value

    init(_ value: Logger.Metadata.Value) { self.value = value }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch value {
        case .string(let text): try container.encode(text)
        case .array(let values): try container.encode(values.map(JSONLogValue.init))
        case .dictionary(let values): try container.encode(values.mapValues(JSONLogValue.init))
        case .stringConvertible(let number as Int): try container.encode(number)
        case .stringConvertible(let number as Double): try container.encode(number)
        case .stringConvertible(let number as Float): try container.encode(number)
        case .stringConvertible(let other): try container.encode(other.description)
        }
    }
}
