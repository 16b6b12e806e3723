import Foundation
import Testing

@testable import HTTPServer

@Suite struct ServerTests {
    @Test("method, path, query and headers arrive decoded")
    func head() throws {
        let test = try TestServer(handle: { request, responder in
            let type = request.head.header("x-THING") ?? "-"
            responder.respond(
                Response(status: 200, contentType: "text/plain", text: echo(request).text + "\n\(type) \(request.head.clientAddress)"))
        })
        let answer = try test.exchange(request("GET", "/a%20b/c%C3%A9?top=5&name=x+y%26z&flag", headers: ["X-Thing:  v 1 "]))
        #expect(answer.status == 200)
        #expect(answer.text == "GET /a b/cé\n? top=5\n? name=x y&z\n? flag=\nv 1 127.0.0.1")
        #expect(answer.header("Content-Type") == "text/plain")
        test.stop()
    }

    @Test("a raw body is one part without a name", arguments: [1, 1000, 300_000])
    func rawBody(size: Int) throws {
        let test = try TestServer()
        let body = noise(size)
        let answer = try test.exchange(request("POST", "/x", headers: ["Content-Type: image/jpeg"], body: body))
        #expect(answer.text == "POST /x\npart - - image/jpeg \(size) \(checksum(body))")
        test.stop()
    }

    @Test("a chunked body is the same body", arguments: [1, 7, 4096])
    func chunkedBody(size: Int) throws {
        let test = try TestServer()
        let body = noise(20_000)
        let head = request("POST", "/x", headers: ["Transfer-Encoding: chunked"])
        let answer = try test.exchange(head + chunked(body, size: size))
        #expect(answer.text == "POST /x\npart - - - 20000 \(checksum(body))")
        test.stop()
    }

    @Test("a POST without a body has no parts", arguments: [[], ["Content-Length: 0"]])
    func noBody(headers: [String]) throws {
        let test = try TestServer()
        #expect(try test.exchange(request("POST", "/x", headers: headers)).text == "POST /x")
        test.stop()
    }

    @Test("a connection is kept for further requests")
    func keepAlive() throws {
        let test = try TestServer()
        let client = try test.connect()
        for index in 0..<20 {
            try client.send(request(index % 2 == 0 ? "GET" : "POST", "/\(index)", body: index % 2 == 0 ? [] : noise(5000)))
            #expect(try client.readAnswer().text.hasPrefix(index % 2 == 0 ? "GET /\(index)" : "POST /\(index)"))
        }
        #expect(test.server.statistics.acceptedConnections == 1)
        client.close()
        test.stop()
        #expect(test.completed.count == 20)
    }

    @Test("pipelined requests are answered in their order", arguments: [false, true])
    func pipelining(inAnotherThread: Bool) throws {
        let test = try TestServer(handle: { request, responder in
            guard inAnotherThread else { return responder.respond(echo(request)) }
            Thread.detachNewThread { responder.respond(echo(request)) }
        })
        let client = try test.connect()
        try client.send((0..<30).flatMap { request("POST", "/\($0)", body: noise(100)) })
        for index in 0..<30 { #expect(try client.readAnswer().text.hasPrefix("POST /\(index)\n")) }
        test.stop()
    }

    @Test("a client that only half-closed gets its answer")
    func halfClosed() throws {
        let test = try TestServer(handle: { request, responder in
            Thread.detachNewThread {
                usleep(20_000)
                responder.respond(echo(request))
            }
        })
        let client = try test.connect()
        try client.send(request("GET", "/half"))
        client.halfClose()
        #expect(try client.readAnswer().text == "GET /half")
        #expect(try client.isAtEnd())
        test.stop()
    }

    @Test("HEAD is answered like GET, without the body")
    func headMethod() throws {
        let test = try TestServer()
        let client = try test.connect()
        try client.send(request("HEAD", "/x") + request("GET", "/y"))
        let answer = try client.readAnswer(hasBody: false)
        #expect(answer.status == 200)
        #expect(answer.header("Content-Length") == "7")
        #expect(try client.readAnswer().text == "GET /y")
        test.stop()
        #expect(test.completed.map(\.bytesSent) == [0, 6])
    }

    @Test("a sane request id comes back, any other is replaced")
    func requestID() throws {
        let test = try TestServer()
        #expect(try test.exchange(request("GET", "/", headers: ["X-Request-Id: abc-1/2"])).header("X-Request-Id") == "abc-1/2")
        let long = String(repeating: "a", count: 129)
        var made: Set<String> = []
        for header in ["X-Request-Id: \(long)", "X-Request-Id: a b", "X-Request-Id: ", "X-Other: 1"] {
            made.insert(try #require(try test.exchange(request("GET", "/", headers: [header])).header("X-Request-Id")))
        }
        #expect(made.count == 4)
        #expect(made.isDisjoint(with: [long, "a b", ""]))
        test.stop()
    }

    @Test("a completed request tells what became of it")
    func completion() throws {
        let test = try TestServer(handle: { request, responder in
            responder.respond(Response(status: 201, body: [1, 2, 3], context: "note"))
        })
        _ = try test.exchange(request("POST", "/p?q=1", headers: ["X-Request-Id: id-7"], body: noise(777)))
        test.stop()
        let completed = try #require(test.completed.first)
        #expect(completed.id == "id-7")
        #expect(completed.head.path == "/p")
        #expect(completed.status == 201)
        #expect(completed.delivered)
        #expect(completed.bytesReceived == 777)
        #expect(completed.bytesSent == 3)
        #expect(completed.context as? String == "note")
        #expect(try #require(completed.received) <= completed.duration)
    }

    @Test("a large answer arrives whole")
    func largeAnswer() throws {
        let body = noise(3_000_000)
        let test = try TestServer(handle: { $1.respond(Response(status: 200, body: body)) })
        #expect(try test.exchange(request("GET", "/")).body == body)
        test.stop()
    }

    @Test("an answer that cannot be sent becomes a 500")
    func unsendable() throws {
        let test = try TestServer(handle: { request, responder in
            let bad =
                switch request.head.path {
                case "/value": Response(status: 200, headers: [("X-A", "b\r\nX-Evil: 1")])
                case "/name": Response(status: 200, headers: [("X A", "b")])
                default: Response(status: 42)
                }
            responder.respond(bad)
        })
        for path in ["/value", "/name", "/status"] {
            let answer = try test.exchange(request("GET", path))
            #expect(answer.status == 500)
            #expect(answer.code == "internal_error")
            #expect(answer.header("X-Evil") == nil)
        }
        test.stop()
    }

    @Test("localhost and every address are listened on", arguments: ["localhost", "0.0.0.0"])
    func hosts(host: String) throws {
        let test = try TestServer({ $0.host = host })
        #expect(try test.exchange(request("GET", "/")).status == 200)
        test.stop()
    }

    @Test("IPv6 addresses are listened on, and IPv4 with them", .enabled(if: Machine.hasIPv6, "there is no IPv6 on this machine"))
    func hostsOfIPv6() throws { try hosts(host: "::") }

    @Test("curl's form upload arrives", .enabled(if: Machine.hasCurl, "there is no program curl"))
    func curl() throws {
        let test = try TestServer()
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("upload-\(UUID().uuidString).bin")
        let bytes = noise(2_000_000)  // Enough for curl to ask for 100 Continue first.
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let command = "curl -sS -F 'image=@\(file.path);filename=a b.jpg' -F note=hi http://127.0.0.1:\(test.port)/c"
        let pipe = try #require(popen(command, "r"))
        var output: [UInt8] = []
        while case let byte = fgetc(pipe), byte != EOF { output.append(UInt8(truncatingIfNeeded: byte)) }
        #expect(pclose(pipe) == 0)
        let text = String(decoding: output, as: UTF8.self)
        #expect(
            text == "POST /c\npart image a b.jpg image/jpeg 2000000 \(checksum(bytes))"
                + "\npart note - - 2 \(checksum(Array("hi".utf8)))")
        test.stop()
    }
}

extension Response {
    var text: String { String(decoding: body, as: UTF8.self) }
}
