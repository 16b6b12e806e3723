import Foundation
import Logging
import Testing

@testable import Service

@Suite("A log line")
struct LogLineTests {
    private let hostile = "cup\n2026-01-01T00:00:00Z critical forged\u{1B}[31m\u{9B}2J\u{7F}\r\u{2028}\u{202E}"

    @Test("is one line that no terminal obeys, whatever its values hold", arguments: LogFormat.allCases)
    func oneLine(format: LogFormat) throws {
        let line = format.line(.info, hostile, ["label": .string(hostile), "list": .array([.string(hostile)])])
        #expect(line.last == UInt8(ascii: "\n") && line.filter { $0 == UInt8(ascii: "\n") }.count == 1)
        #expect(!line.dropLast().contains { $0 < 0x20 })
        guard format == .text else { return }
        let text = String(decoding: line.dropLast(), as: UTF8.self)
        for character in ["\u{7F}", "\u{9B}", "\u{2028}", "\u{202E}"] { #expect(!text.contains(character)) }
    }

    @Test("of text is read word by word: what has blanks is in quotes")
    func text() {
        let line = String(
            decoding: LogFormat.text.line(
                .info, "request", ["a": "one", "b": "two words", "c": "say \"x\"", "d": .stringConvertible(5), "e": ""]),
            as: UTF8.self)
        #expect(line.hasSuffix("Z info request a=one b=\"two words\" c=\"say \\\"x\\\"\" d=5 e=\"\"\n"))
    }

    @Test("of JSON keeps numbers, and its own fields cannot be replaced")
    func json() throws {
        let line = LogFormat.json.line(.warning, "request", ["level": "forged", "status": .stringConvertible(200), "id": .string("x")])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
        #expect(object["level"] as? String == "warning" && object["status"] as? Int == 200 && object["id"] as? String == "x")
        #expect((object["time"] as? String)?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
    }
}

@Suite("The log's writer")
struct LogWriterTests {
    private final class Pipe {
        let reader: Int32
        let writer: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            try #require(pipe(&ends) == 0)
            (reader, writer) = (ends[0], ends[1])
            // The smallest that there is: a page.
            _ = fcntl(writer, 1031, 4096)
        }

        deinit {
            close(reader)
            close(writer)
        }

        func read() -> String {
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            let count = Glibc.read(reader, &bytes, bytes.count)
            return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        }
    }

    private func line(_ number: Int) -> [UInt8] { Array("line \(number) \(String(repeating: "x", count: 200))\n".utf8) }

    @Test("writes lines in their order")
    func order() throws {
        let pipe = try Pipe()
        let writer = try LogWriter(descriptor: pipe.writer) { Array("dropped \($0)\n".utf8) }
        for number in 0..<10 { writer.write(line(number)) }
        var text = ""
        while !text.contains("line 9") || text.last != "\n" { text += pipe.read() }
        #expect(text.split(separator: "\n").map { $0.split(separator: " ")[1] } == (0..<10).map { "\($0)" })
        #expect(writer.dropped == 0)
    }

    @Test("holds nobody up while nobody reads, and tells afterwards how many lines were lost")
    func full() throws {
        let pipe = try Pipe()
        let writer = try LogWriter(descriptor: pipe.writer, limit: 10_000) { Array("dropped \($0)\n".utf8) }
        // Far more than the pipe and the queue take: this would never return if a line were waited for.
        for number in 0..<1000 { writer.write(line(number)) }
        let dropped = writer.dropped
        #expect(dropped > 900)
        writer.flush(within: .milliseconds(20))
        var text = ""
        // Told in one line or, where the queue had room in between, in several.
        func told() -> Int { text.matches(of: /dropped (\d+)\n/).compactMap { Int($0.1) }.reduce(0, +) }
        while told() < dropped { text += pipe.read() }
        #expect(told() == dropped)
        writer.write(line(1000))
        while !text.contains("line 1000 ") { text += pipe.read() }
    }
}
