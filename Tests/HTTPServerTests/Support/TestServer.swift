import Foundation
import Testing
import Threads

@testable import HTTPServer

/// A server on a free port of the loopback that remembers what was completed, and that nothing of a request outlives it.
final class TestServer: Sendable {
    private struct WeakExchange {
        weak var exchange: Exchange?
    }
    private struct Record {
        var completed: [CompletedRequest] = []
        var exchanges: [WeakExchange] = []
    }
    private let record: RecordBox
    let server: Server

    private final class RecordBox: Sendable {
        let value = Mutex(Record())
    }

    init(
        _ configure: (inout ServerConfiguration) -> Void = { _ in },
        refusal: @escaping @Sendable (RequestHead) -> Response? = { _ in nil },
        handle: @escaping @Sendable (Request, Responder) -> Void = { $1.respond(echo($0)) }
    ) throws {
        var configuration = ServerConfiguration()
        configuration.port = 0
        configure(&configuration)
        let record = RecordBox()
        self.record = record
        server = try Server(
            configuration: configuration, render: plain, refusal: refusal,
            handle: { request, responder in
                let exchange = request.exchange
                record.value.withLock { $0.exchanges.append(WeakExchange(exchange: exchange)) }
                handle(request, responder)
            },
            completed: { request in record.value.withLock { $0.completed.append(request) } })
    }

    var port: UInt16 { server.port }
    func connect(from source: String = "127.0.0.1") throws -> RawClient { try RawClient(port: server.port, from: source) }

    /// Sends one request on a connection of its own.
    func exchange(_ bytes: [UInt8]) throws -> RawClient.Answer {
        let client = try connect()
        try client.send(bytes)
        return try client.readAnswer()
    }

    var completed: [CompletedRequest] { record.value.withLock { $0.completed } }

    /// Stops the server and checks that nothing is left of any request.
    func stop(_ location: SourceLocation = #_sourceLocation) {
        server.stop()
        // A thread that has answered may not have let go yet.
        let isOver = eventually { record.value.withLock { $0.exchanges.allSatisfy { $0.exchange == nil } } }
        #expect(isOver, "requests outlive the server", sourceLocation: location)
        #expect(server.statistics.openConnections == 0, sourceLocation: location)
        #expect(server.statistics.unfinishedRequests == 0, sourceLocation: location)
    }
}

/// Says in text what arrived, so that tests can hold it against what they sent.
@Sendable func echo(_ request: Request) -> Response {
    var lines = ["\(request.head.method) \(request.head.path)"]
    lines += request.head.query.map { "? \($0.name)=\($0.value)" }
    lines += request.parts.map { part in
        "part \(part.name ?? "-") \(part.filename ?? "-") \(part.contentType ?? "-") \(part.count) \(part.withBytes(checksum))"
    }
    return Response(status: 200, contentType: "text/plain", text: lines.joined(separator: "\n"))
}

/// The tests' way of putting a refusal: its code in a header, the rest as text.
@Sendable func plain(_ refusal: Refusal, _ head: RequestHead?) -> Response {
    Response(
        status: refusal.status, contentType: "text/plain", text: "\(refusal.title). \(refusal.detail)",
        headers: [("Code", refusal.code)] + refusal.headers)
}

/// A refusal of the embedder's.
let busy = plain(Refusal(status: 429, code: "busy", title: "Busy", detail: "Later."), nil)

/// FNV-1a.
@Sendable func checksum(_ bytes: UnsafeRawBufferPointer) -> String {
    String(bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }, radix: 16)
}

func checksum(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { checksum($0) } }

/// Waits for something that happens on another thread; the bound only keeps a failing test from hanging.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<30_000 {
        if condition() { return true }
        usleep(1000)
    }
    return false
}
