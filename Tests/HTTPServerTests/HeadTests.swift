import Testing

@testable import HTTPServer

@Suite struct HeadTests {
    private static let next = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

    /// What a server answers to these bytes until it closes.
    private func answers(_ text: String, _ test: TestServer) throws -> [RawClient.Answer] {
        let client = try test.connect()
        client.sendIgnoringErrors(Array(text.utf8))
        var answers: [RawClient.Answer] = []
        while try !client.isAtEnd() { answers.append(try client.readAnswer()) }
        return answers
    }

    @Test(
        "a head that RFC 9112 does not allow is answered once, and what follows is never read as a request",
        arguments: [
            ("GET /x HTTP/1.1\r\nHost: x\r\nContent: 36\r\n -Length\r\n\r\n", 400),
            ("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n 5\r\n\r\nabcde", 400),
            ("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\tchunked\r\n\r\n", 400), ("GET /x HTTP/1.1\r\n Host: x\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n", 400), ("GET /x HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", 400),
            ("GET /x HTTP/1.1\nHost: x\n\n", 400), ("GET /x HTTP/1.1\r\nHost: x\r\nA: b\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost: x\r\nA: b\rC: d\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost: x\0y\r\n\r\n", 400), ("GET /x HTTP/1.1\r\nHost: x\u{7F}\r\n\r\n", 400),
            ("GET /\u{1} HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            ("\u{16}\u{3}\u{1}", 400), ("\r\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n", 400), (String(repeating: "\r\n", count: 9), 400),
            ("GET  /x HTTP/1.1\r\nHost: x\r\n\r\n", 400), ("GET /x  HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            (" GET /x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            ("GET /x HTTP/1.1 \r\nHost: x\r\n\r\n", 400), ("GET /x y HTTP/1.1\r\nHost: x\r\n\r\n", 400), ("GET /x\r\nHost: x\r\n\r\n", 400),
            ("GET\t/x HTTP/1.1\r\nHost: x\r\n\r\n", 400), ("G(T /x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            ("GET /x HTTP/1.1x\r\nHost: x\r\n\r\n", 400),
            ("GET /x http/1.1\r\nHost: x\r\n\r\n", 400), ("GET /x HTTP/2.0\r\nHost: x\r\n\r\n", 505),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            ("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501), ("GET /x HTTP/1.1\r\n\r\n", 400),
            ("GET http:///x HTTP/1.1\r\nHost: x\r\n\r\n", 400), ("GET http://:80/x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            ("GET http://y@x/x HTTP/1.1\r\nHost: x\r\n\r\n", 400), ("GET http://x:y/x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            ("GET ftp://x/x HTTP/1.1\r\nHost: x\r\n\r\n", 400), ("GET /x HTTP/1.1\r\nHost: x y\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost: x/y\r\n\r\n", 400), ("GET /x HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
        ])
    func brokenHeads(text: String, status: Int) throws {
        let test = try TestServer()
        let answers = try answers(text + Self.next, test)
        #expect(answers.map(\.status) == [status])
        #expect(answers.first?.code != nil)
        #expect(answers.first?.header("Connection") == "close")
        test.stop()
        #expect(test.completed.map(\.status) == [status])
        #expect(test.server.statistics.refusals.values.reduce(0, +) == 1)
    }

    @Test(
        "the absolute form that proxies are sent names the same path, and every kind of host is one",
        arguments: [
            ("http://x/p", "x"), ("HTTPS://x.example:8080/p", "x_y.example:80"), ("http://[::1]:80/p", "[fe80::1%25eth0]"), ("/p", ""),
            ("http://10.0.0.1:/p", "10.0.0.1:8080"),
        ])
    func absoluteForm(target: String, host: String) throws {
        let test = try TestServer()
        let client = try test.connect()
        try client.send("GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\r\nGET http://x?q=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try client.readAnswer().text == "GET /p")
        #expect(try client.readAnswer().text == "GET /\n? q=1")
        test.stop()
    }

    @Test(
        "a length that is not a number is 400", arguments: ["+5", "5 5", "0x5", "-1", "1e3", "5,5", "", "5\t", "18446744073709551617", "٥"])
    func oddLengths(length: String) throws {
        let test = try TestServer()
        let answers = try answers("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: \(length)\r\n\r\nabcde" + Self.next, test)
        #expect(answers.map(\.status) == [400])
        test.stop()
    }

    @Test(
        "a chunk's line that is none is 400, and the request that it belongs to is never handled",
        arguments: [
            "3;\nabc\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3\r\nabc0\r\n\r\n", "3 \r\nabc\r\n0\r\n\r\n",
            " 3\r\nabc\r\n0\r\n\r\n",
            "0x3\r\nabc\r\n0\r\n\r\n", "+3\r\nabc\r\n0\r\n\r\n", "\r\n\r\n", ";a\r\n", "3;\0\r\nabc\r\n0\r\n\r\n",
            "10000000000000003\r\nabc\r\n0\r\n\r\n",
            "3\r\nabc\r\n0\r\nT : u\r\n\r\n", "3\r\nabc\r\n0\r\nT: u\n\r\n", "3;\(String(repeating: "e", count: 300))\r\nabc\r\n0\r\n\r\n",
        ])
    func oddChunks(body: String) throws {
        let test = try TestServer()
        let answers = try answers(
            "POST /x HTTP/1.1\r\nHost: x\r\nX-Request-Id: c\r\nTransfer-Encoding: chunked\r\n\r\n" + body + Self.next, test)
        #expect(answers.map(\.status) == [400])
        #expect(answers.first?.header("X-Request-Id") == "c")
        test.stop()
        #expect(test.completed.map(\.status) == [400])
        #expect(test.completed.map(\.id) == ["c"])
    }

    @Test("chunk extensions and trailers are passed over")
    func extensions() throws {
        let test = try TestServer()
        let head = "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        let client = try test.connect()
        try client.send(head + "3;a=\"b c\";d\r\nabc\r\n00;x\r\nContent-Length: 9\r\nHost: y\r\n\r\n" + Self.next)
        #expect(try client.readAnswer().text == "POST /x\npart - - - 3 \(checksum(Array("abc".utf8)))")
        #expect(try client.readAnswer().text == "GET /smuggled")
        test.stop()
    }

    @Test("what is complete before a broken head is answered first, in its order", arguments: [false, true])
    func inOrder(inAnotherThread: Bool) throws {
        let waiting = Waiting()
        let test = try TestServer(handle: { request, responder in
            if inAnotherThread { waiting.take(request, responder) } else { responder.respond(echo(request)) }
        })
        let client = try test.connect()
        try client.send(
            request("POST", "/1", body: noise(50)) + request("GET", "/2") + request("GET", "/3", headers: ["Bad : x"])
                + request("GET", "/4"))
        if inAnotherThread {
            for count in 1...2 {
                #expect(eventually { waiting.count == 1 }, "request \(count)")
                for held in waiting.empty() { held.responder.respond(echo(held.request)) }
            }
        }
        #expect(try client.readAnswer().text.hasPrefix("POST /1\n"))
        #expect(try client.readAnswer().text == "GET /2")
        #expect(try client.readAnswer().status == 400)
        #expect(try client.isAtEnd())
        test.stop()
        #expect(test.completed.map(\.status) == [200, 200, 400])
    }

    @Test("a body that breaks behind a request that is still worked on is refused after its answer")
    func brokenBehind() throws {
        let waiting = Waiting()
        let test = try TestServer(handle: waiting.take)
        let client = try test.connect()
        try client.send(request("GET", "/1") + request("POST", "/2", headers: ["Transfer-Encoding: chunked"]) + Array("zz\r\n".utf8))
        #expect(eventually { waiting.count == 1 })
        for held in waiting.empty() { held.responder.respond(echo(held.request)) }
        #expect(try client.readAnswer().text == "GET /1")
        #expect(try client.readAnswer().status == 400)
        #expect(try client.isAtEnd())
        test.stop()
        #expect(test.completed.map(\.status) == [200, 400])
    }

    @Test("a head may have as many bytes and headers as the limits say, and no more")
    func limits() throws {
        let test = try TestServer({
            $0.headerLimit = 4000
            $0.headerFieldLimit = 600
            $0.targetLimit = 100
            $0.queryFieldLimit = 10
        })
        let tiny = (0..<599).map { _ in "a:" }
        #expect(try test.exchange(request("GET", "/tiny", headers: tiny)).text == "GET /tiny")
        #expect(try answers(text(request("GET", "/tiny", headers: tiny + ["a:"])), test).map(\.status) == [431])
        // "GET / HTTP/1.1", "Host: test", the empty line.
        let room = 4000 - 16 - 12 - 2
        #expect(try test.exchange(request("GET", "/", headers: ["X:" + String(repeating: "x", count: room - 4)])).status == 200)
        #expect(
            try answers(text(request("GET", "/", headers: ["X:" + String(repeating: "x", count: room - 3)])), test).map(\.status) == [431])
        let path = String(repeating: "p", count: 99)
        #expect(try test.exchange(request("GET", "/" + path)).text == "GET /" + path)
        #expect(try answers(text(request("GET", "/p" + path)), test).map(\.status) == [414])
        #expect(try answers("GET /" + String(repeating: path, count: 30), test).map(\.status) == [414])
        #expect(try test.exchange(request("GET", "/?" + String(repeating: "&", count: 9))).status == 200)
        #expect(try answers(text(request("GET", "/?" + String(repeating: "&", count: 10))), test).map(\.status) == [414])
        test.stop()
        #expect(
            test.server.statistics.refusals == ["too_many_headers": 1, "head_too_large": 1, "url_too_long": 2, "too_many_query_fields": 1])
    }

    @Test("the default limits take what they say they take")
    func defaultLimits() throws {
        let test = try TestServer()
        #expect(try test.exchange(request("GET", "/", headers: (0..<999).map { "h\($0): \($0)" })).status == 200)
        #expect(try test.exchange(request("GET", "/", headers: ["Cookie: " + String(repeating: "a=b; ", count: 6000)])).status == 200)
        #expect(try test.exchange(request("GET", "/?" + (0..<500).map { "a\($0)=b" }.joined(separator: "&"))).status == 200)
        #expect(
            try answers("GET /livez?" + String(repeating: "&", count: 700) + " HTTP/1.1\r\nHost: a\r\n\r\n", test).map(\.status) == [414])
        test.stop()
        #expect(test.completed.map(\.status).sorted() == [200, 200, 200, 414])
    }

    @Test("a connection ends with the request that says so, and nothing after it is read", arguments: ["close", "x , CLOSE", "HTTP/1.0"])
    func lastRequest(option: String) throws {
        let test = try TestServer()
        let first = option == "HTTP/1.0" ? "GET /1 HTTP/1.0\r\n\r\n" : "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: \(option)\r\n\r\n"
        let answers = try answers(first + Self.next + "\0\0", test)
        #expect(answers.map(\.text) == ["GET /1"])
        test.stop()
        #expect(test.completed.count == 1)
    }

    @Test("HTTP/1.0 keeps its connection where it asks for that")
    func oldKeepAlive() throws {
        let test = try TestServer()
        let client = try test.connect()
        for _ in 0..<3 {
            try client.send("GET /1 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
            #expect(try client.readAnswer().text == "GET /1")
        }
        test.stop()
    }

    @Test("a client that leaves in the middle of a head leaves nothing behind")
    func leftInHead() throws {
        let test = try TestServer()
        for bytes in ["G", "GET /x HTTP/1.1\r\nHo", "GET /x HTTP/1.1\r\nHost: a\r\n"] {
            let client = try test.connect()
            try client.send(bytes)
            #expect(eventually { test.server.statistics.unfinishedRequests == 1 })
            client.close()
            #expect(eventually { test.server.statistics.unfinishedRequests == 0 && test.server.statistics.openConnections == 0 })
        }
        test.stop()
        #expect(test.completed.map(\.status) == [499, 499, 499])
        #expect(test.completed.map(\.head.path) == ["", "/x", "/x"])
    }

    @Test("a request that comes to the daemon past the reader is not served")
    func pastTheReader() throws {
        let test = try TestServer()
        let client = try test.connect()
        // A connection has its receiver once the daemon has taken it up.
        #expect(
            eventually {
                let connections = test.server.core.registry.connections
                return connections.count == 1 && receivers.withLock { $0[connections[0].socket] != nil }
            })
        for connection in test.server.core.registry.connections { receivers.withLock { $0[connection.socket] = nil } }
        try client.send(request("GET", "/1") + request("GET", "/2"))
        let answer = try client.readAnswer()
        #expect(answer.status == 500)
        #expect(answer.code == "internal_error")
        #expect(try client.isAtEnd())
        test.stop()
        #expect(test.completed.map(\.status) == [500])
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
