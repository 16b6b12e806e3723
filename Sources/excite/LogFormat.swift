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
        for name in ["time", "level", "message"] { fields[name] = nil }
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("time", Self.now())
            writer.field("level", event.level.rawValue)
            writer.field("message", event.message.description)
            for (name, value) in fields.sorted(by: { $0.key < $1.key }) { writer.field(name, value) }
        }
        let line = writer.bytes + [UInt8(ascii: "\n")]
        // In one piece, so that lines of several threads do not mix. Where nobody can read it, it is lost.
        _ = write(STDERR_FILENO, line, line.count)
    }

    /// The time as RFC 3339 has it, to the millisecond, in UTC.
    private static func now() -> String {
        var (time, parts) = (timespec(), tm())
        clock_gettime(CLOCK_REALTIME, &time)
        gmtime_r(&time.tv_sec, &parts)
        func digits(_ number: Int32, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let date = [(parts.tm_year + 1900, 4), (parts.tm_mon + 1, 2), (parts.tm_mday, 2)].map(digits).joined(separator: "-")
        let clock = [(parts.tm_hour, 2), (parts.tm_min, 2), (parts.tm_sec, 2)].map(digits).joined(separator: ":")
        return "\(date)T\(clock).\(digits(Int32(time.tv_nsec / 1_000_000), 3))Z"
    }
}

/// What was a number stays one.
extension Logger.MetadataValue: JSONWritable {
    func write(to writer: inout JSONWriter) {
        switch self {
        case .string(let text): writer.string(text)
        case .array(let values): writer.array(values)
        case .dictionary(let values):
            writer.object { writer in
                for (name, value) in values.sorted(by: { $0.key < $1.key }) { writer.field(name, value) }
            }
        case .stringConvertible(let number as any JSONWritable): number.write(to: &writer)
        case .stringConvertible(let other): writer.string(other.description)
        }
    }
}
