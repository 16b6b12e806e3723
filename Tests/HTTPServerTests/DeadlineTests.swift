import Foundation
import Testing

@testable import HTTPServer

@Suite struct DeadlineTests {
    /// Sends a byte every few milliseconds until the server ends it: silence is no issue, only the deadline is.
    private func drip(_ bytes: [UInt8], to client: RawClient) {
        for byte in bytes {
            usleep(5000)
            guard (try? client.send([byte])) != nil else { return }
        }
    }

    @Test("a client that drips is cut off at the absolute deadline", arguments: ["head", "body", "chunks"])
    func dripping(what: String) throws {
        let test = try TestServer({ $0.receiveTimeout = .milliseconds(150) })
        let client = try test.connect()
        let id = ["X-Request-Id: slow"]
        switch what {
        case "head": drip(Array("GET /\(String(repeating: "x", count: 2000)) HTTP/1.1\r\n".utf8), to: client)
        case "body":
            try client.send(request("POST", "/x", headers: id + ["Content-Length: 2000"]))
            drip(noise(2000), to: client)
        default:
            try client.send(request("POST", "/x", headers: id + ["Transfer-Encoding: chunked"]))
            drip(chunked(noise(2000), size: 1), to: client)
        }
        let answer = try client.readAnswer()
        #expect(answer.status == 408)
        #expect(answer.code == "request_timeout")
        #expect(what == "head" ? answer.header("X-Request-Id") != nil : answer.header("X-Request-Id") == "slow")
        #expect(try client.isAtEnd())
        test.stop()
        #expect(test.completed.map(\.status) == [408])
    }

    @Test("on a connection kept alive the deadline counts from the request line")
    func keptAlive() throws {
        let test = try TestServer({ $0.receiveTimeout = .seconds(1) })
        let client = try test.connect()
        for _ in 0..<2 {
            try client.send(request("GET", "/"))
            #expect(try client.readAnswer().status == 200)
            usleep(1_100_000)
        }
        try client.send(request("POST", "/", headers: ["Content-Length: 2000"]))
        drip(noise(2000), to: client)
        #expect(try client.readAnswer().status == 408)
        test.stop()
    }

    @Test("the deadline is for the receiving: an answer may take its time")
    func slowAnswer() throws {
        let test = try TestServer(
            {
                $0.receiveTimeout = .seconds(1)
                $0.idleTimeout = .seconds(1)
            },
            handle: { request, responder in
                Thread.detachNewThread {
                    usleep(1_300_000)
                    responder.respond(echo(request))
                }
            })
        #expect(try test.exchange(request("POST", "/slow", body: [1])).status == 200)
        test.stop()
    }

    @Test("a silent connection is closed after the idle time")
    func idle() throws {
        let test = try TestServer({ $0.idleTimeout = .seconds(1) })
        let client = try test.connect()
        try client.send(request("GET", "/"))
        #expect(try client.readAnswer().status == 200)
        #expect(try client.isAtEnd())
        test.stop()
    }
}
