import Foundation
import Testing

@testable import HTTPServer

@Suite struct RefusalTests {
    @Test("what is refused at the head is answered before the body is asked for")
    func beforeContinue() throws {
        let test = try TestServer(
            { $0.bodyLimit = 1000 },
            refusal: { $0.path == "/no" ? busy : nil })
        for (path, length, status, code) in [("/no", 10, 429, "busy"), ("/yes", 1001, 413, "body_too_large")] {
            let client = try test.connect()
            try client.send(request("POST", path, headers: ["Expect: 100-continue", "Content-Length: \(length)"]))
            let answer = try client.readAnswer()
            #expect(answer.status == status)
            #expect(answer.code == code)
            #expect(answer.header("Content-Type") == "text/plain")
            #expect(answer.header("X-Request-Id") != nil)
            #expect(try client.isAtEnd())
        }
        let client = try test.connect()
        try client.send(request("POST", "/yes", headers: ["Expect: 100-continue", "Content-Length: 3"]))
        #expect(try client.readAnswer().status == 100)
        try client.send("abc")
        #expect(try client.readAnswer().status == 200)
        test.stop()
    }

    @Test("a photograph that is refused is passed over, and the connection kept", arguments: [1, 1000, 8 << 20])
    func passedOver(size: Int) throws {
        let test = try TestServer(refusal: { $0.path == "/no" ? busy : nil })
        let client = try test.connect()
        for _ in 0..<3 {
            try client.send(request("POST", "/no", body: noise(size)))
            #expect(try client.readAnswer().code == "busy")
        }
        #expect(test.server.statistics.bodyBytes == 0)
        try client.send(request("POST", "/yes", body: noise(size)))
        #expect(try client.readAnswer().status == 200)
        test.stop()
        #expect(test.completed.map(\.bytesReceived) == [size, size, size, size])
    }

    @Test("a large body that is refused is not awaited", arguments: [["Content-Length: 9000000"], ["Transfer-Encoding: chunked"]])
    func notAwaited(headers: [String]) throws {
        let test = try TestServer(refusal: { _ in busy })
        let client = try test.connect()
        try client.send(request("POST", "/no", headers: headers))
        #expect(try client.readAnswer().code == "busy")
        #expect(try client.isAtEnd())
        test.stop()
    }

    @Test("a client that sends its body anyway still gets to read the early answer")
    func bodySentAnyway() throws {
        let test = try TestServer({ $0.bodyLimit = 1000 })
        for _ in 0..<10 {
            let client = try test.connect()
            try client.send(request("POST", "/x", headers: ["Content-Length: 3000000"]))
            try client.send(noise(3_000_000))
            #expect(try client.readAnswer().code == "body_too_large")
            #expect(try client.isAtEnd())
        }
        test.stop()
        #expect(test.completed.allSatisfy { $0.status == 413 && $0.delivered })
    }

    @Test("a body that grows over the limit undeclared is cut short with 413")
    func chunkedOverLimit() throws {
        let test = try TestServer({ $0.bodyLimit = 100_000 })
        let exact = noise(100_000)
        let head = request("POST", "/x", headers: ["Transfer-Encoding: chunked", "X-Request-Id: big"])
        #expect(try test.exchange(head + chunked(exact, size: 9000)).status == 200)
        let client = try test.connect()
        client.sendIgnoringErrors(head + chunked(exact + [0], size: 9000))
        let answer = try client.readAnswer()
        #expect(answer.status == 413)
        #expect(answer.code == "body_too_large")
        #expect(answer.header("X-Request-Id") == "big")
        #expect(try client.isAtEnd())
        test.stop()
        #expect(test.completed.map(\.status).sorted() == [200, 413])
        #expect(test.completed.allSatisfy { $0.delivered })
    }

    @Test("a refused request without a body keeps its connection")
    func refusedGet() throws {
        let test = try TestServer(refusal: { $0.path == "/no" ? Response(status: 404) : nil })
        let client = try test.connect()
        try client.send(request("GET", "/no") + request("GET", "/yes"))
        #expect(try client.readAnswer().status == 404)
        #expect(try client.readAnswer().status == 200)
        test.stop()
    }

    @Test(
        "a head that two readers could read differently is refused, and the connection closed",
        arguments: [
            ["Content-Length: 3", "Content-Length: 3"],
            ["Content-Length: 3", "Content-Length: 4"],
            ["Content-Length: 0", "Content-Length: 0"],
            ["Transfer-Encoding: chunked", "Content-Length: 3"],
            ["Content-Length: 3", "Transfer-Encoding: chunked"],
            ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
            ["Transfer-Encoding : chunked"],
            ["Transfer-Encoding: chunked "],
            ["Transfer-Encoding: gzip, chunked"],
            ["Content-Length : 3"],
            ["Host: other"],
        ])
    func ambiguousFraming(headers: [String]) throws {
        let test = try TestServer()
        let client = try test.connect()
        try client.send(request("POST", "/x", headers: headers) + Array("abcGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        let answer = try client.readAnswer()
        #expect(answer.status == 400 || answer.status == 501)
        #expect(answer.code != nil)
        #expect(try client.isAtEnd())
        test.stop()
        #expect(test.completed.count == 1)
    }

    @Test(
        "a head that is none is refused by the library's own page, and counted",
        arguments: [
            ("GET /x HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400), ("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 70_000))\r\n\r\n", 431),
        ])
    func malformed(text: String, status: Int) throws {
        let test = try TestServer()
        let client = try test.connect()
        client.sendIgnoringErrors(Array(text.utf8))
        #expect(try client.readAnswer().status == status)
        #expect(eventually { test.completed.map(\.status) == [status] })
        test.stop()
    }

    @Test(
        "a URL that cannot be understood is refused",
        arguments: ["/%zz", "/%4", "/%00", "/a%0d%0a", "/%ff", "nopath", "/x?a=%g1"])
    func badTarget(target: String) throws {
        let test = try TestServer()
        let answer = try test.exchange(request("GET", target))
        #expect(answer.status == 400)
        #expect(answer.code == "bad_request")
        test.stop()
    }

    @Test("HTTP/1.0 needs no Host and gets no second request")
    func oldVersion() throws {
        let test = try TestServer()
        let client = try test.connect()
        try client.send("GET /old HTTP/1.0\r\n\r\n")
        #expect(try client.readAnswer().text == "GET /old")
        #expect(try client.isAtEnd())
        #expect(try test.exchange(Array("GET /new HTTP/1.1\r\n\r\n".utf8)).code == "bad_request")
        test.stop()
    }

    @Test("a responder that is dropped answers 500", arguments: [false, true])
    func dropped(inAnotherThread: Bool) throws {
        let test = try TestServer(handle: { _, responder in
            if inAnotherThread { Thread.detachNewThread { withExtendedLifetime(responder) { _ = usleep(5000) } } }
        })
        let answer = try test.exchange(request("GET", "/"))
        #expect(answer.status == 500)
        #expect(answer.code == "internal_error")
        test.stop()
    }

    @Test("connections over the limit are told so")
    func connectionLimits() throws {
        for (perClient, status) in [(0, 503), (2, 429)] {
            let test = try TestServer({
                $0.connectionLimit = perClient == 0 ? 2 : 10
                $0.connectionsPerClient = perClient
            })
            var kept = [try test.connect(), try test.connect()]
            #expect(eventually { test.server.statistics.openConnections == 2 })
            let third = try test.connect()
            third.sendIgnoringErrors(request("GET", "/"))
            let answer = try third.readAnswer()
            #expect(answer.status == status)
            #expect(answer.code == "too_many_connections")
            #expect(answer.header("Retry-After") == "1")
            #expect(try third.isAtEnd())
            kept.removeLast().close()
            #expect(eventually { test.server.statistics.openConnections == 1 })
            #expect(try test.exchange(request("GET", "/")).status == 200)
            #expect(test.server.statistics.refusedConnections == 1)
            test.stop()
        }
    }

    @Test("a start that cannot work is an error that says what to do")
    func startErrors() throws {
        let test = try TestServer()
        func message(_ configure: (inout ServerConfiguration) -> Void) -> String {
            do {
                try TestServer(configure).stop()
                return "started"
            } catch { return "\(error)" }
        }
        #expect(message { $0.port = test.port }.contains("127.0.0.1:\(test.port). The port is in use by another program"))
        #expect(message { $0.host = "no-such-host.invalid" }.contains("'no-such-host.invalid'"))
        #expect(message { $0.host = "" }.contains("Give an address"))
        #expect(message { $0.host = "192.0.2.1" }.contains("not one of this machine"))
        #expect(message { $0.threads = 0 }.contains("threads"))
        test.stop()
    }
}
