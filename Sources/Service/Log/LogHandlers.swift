import Glibc
import Logging
import SENet

/// How the process's log looks: a line an event, on standard error.
package enum LogFormat: String, CaseIterable, Sendable {
    case text, json

    /// Sets the process's log up; to be called once.
    ///
    /// - Returns: what writes it.
    /// - Throws: `ThreadError` if the system refuses a thread.
    package func bootstrap(level: Logger.Level) throws -> LogWriter {
        let writer = try LogWriter { dropped in
            line(.warning, "log lines were dropped: nobody read them", ["lines": .stringConvertible(dropped)])
        }
        LoggingSystem.bootstrap { _ in QueuedLogHandler(format: self, writer: writer, logLevel: level) }
        return writer
    }

    /// An event as a line, with its line feed. Whatever the values hold, it is one line, and no terminal obeys it.
    func line(_ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata) -> [UInt8] {
        let fields = metadata.sorted { $0.key < $1.key }
        switch self {
        case .json:
            var writer = JSONWriter()
            writer.object { writer in
                writer.field("time", timestamp())
                writer.field("level", level.rawValue)
                writer.field("message", message)
                for (name, value) in fields where !["time", "level", "message"].contains(name) { writer.field(name, value) }
            }
            return writer.bytes + [UInt8(ascii: "\n")]
        case .text:
            let texts = fields.map { "\($0.key)=\(quoted($0.value.description))" }
            return Array(([timestamp(), level.rawValue, printable(message)] + texts).joined(separator: " ").utf8) + [UInt8(ascii: "\n")]
        }
    }
}

private struct QueuedLogHandler: LogHandler {
    let format: LogFormat
    let writer: LogWriter
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }
        writer.write(format.line(event.level, event.message.description, fields))
    }
}

/// A printable text as one word: in quotes where it has blanks or could be taken for something else.
private func quoted(_ text: String) -> String {
    let text = printable(text)
    let isWord = !text.isEmpty && !text.contains { $0 == " " || $0 == "\"" || $0 == "=" }
    return isWord ? text : "\"\(text.replacing("\"", with: "\\\""))\""
}

/// The time as RFC 3339 has it, to the millisecond, in UTC.
private func timestamp() -> String {
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

/// What was a number stays one.
extension Logger.MetadataValue: JSONWritable {
    package func write(to writer: inout JSONWriter) {
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
