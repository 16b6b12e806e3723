import Foundation
import Testing

import struct Synchronization.Atomic

@testable import HTTPServer

@Suite struct ShutdownTests {
    @Test("going down in stages answers every request that was taken")
    func stages() throws {
        let waiting = Waiting()
        let test = try TestServer(handle: waiting.take)
        let clients = try (0..<50).map { index in
            let client = try test.connect()
            try client.send(request("POST", "/\(index)", body: noise(100)))
            return client
        }
        #expect(eventually { waiting.count == 50 })
        test.server.stopAccepting()
        #expect(throws: RawClient.Failure.self) { try test.connect() }
        #expect(!test.server.drain(timeout: .milliseconds(20)), "fifty are unanswered")
        Thread.detachNewThread {
            for held in waiting.empty() { held.responder.respond(echo(held.request)) }
        }
        #expect(test.server.drain(timeout: .seconds(30)))
        for (index, client) in clients.enumerated() {
            let answer = try client.readAnswer()
            #expect(answer.text.hasPrefix("POST /\(index)\n"))
            #expect(answer.header("Connection")?.lowercased() == "close")
            #expect(try client.isAtEnd())
        }
        test.stop()
    }

    @Test("requests on open connections are served after the listening ends")
    func keptConnection() throws {
        let test = try TestServer()
        let client = try test.connect()
        try client.send(request("GET", "/1"))
        #expect(try client.readAnswer().text == "GET /1")
        test.server.stopAccepting()
        try client.send(request("GET", "/2"))
        #expect(try client.readAnswer().text == "GET /2")
        #expect(try client.isAtEnd())
        test.stop()
    }

    @Test("a drain waits for a request of which one byte has come", arguments: ["G", "GET /x HTTP/1.1\r\nHo"])
    func beganBeforeDrain(start: String) throws {
        let test = try TestServer()
        let client = try test.connect()
        let idle = try test.connect()
        try client.send(start)
        #expect(eventually { test.server.statistics.unfinishedRequests == 1 })
        test.server.stopAccepting()
        #expect(!test.server.drain(timeout: .milliseconds(50)))
        try client.send(Array("GET /x HTTP/1.1\r\nHost: a\r\n\r\n".utf8.dropFirst(start.utf8.count)))
        #expect(test.server.drain(timeout: .seconds(30)))
        #expect(try client.readAnswer().text == "GET /x")
        withExtendedLifetime(idle) {}
        test.stop()
    }

    @Test("a drain waits a while for the next request of a client that knows nothing of the end")
    func sentDuringDrain() throws {
        let test = try TestServer()
        let client = try test.connect()
        try client.send(request("GET", "/1"))
        #expect(try client.readAnswer().text == "GET /1")
        test.server.stopAccepting()
        let server = test.server
        let isDrained = Atomic<Bool>(false)
        Thread.detachNewThread {
            // Longer than the test is given: it is the answer that ends it, after which no connection is open.
            if server.drain(timeout: .seconds(600), silence: .seconds(300)) { isDrained.store(true, ordering: .sequentiallyConsistent) }
        }
        usleep(50_000)
        let isEarly = isDrained.load(ordering: .sequentiallyConsistent)
        #expect(!isEarly)
        try client.send(request("GET", "/2"))
        #expect(try client.readAnswer().text == "GET /2")
        #expect(eventually { isDrained.load(ordering: .sequentiallyConsistent) })
        test.stop()
    }

    @Test("a drain never ends before the answer to what was sent before it", arguments: 0..<5)
    func drainsWhatWasSent(round: Int) throws {
        for _ in 0..<40 {
            let test = try TestServer()
            let clients = try (0..<4).map { _ in try test.connect() }
            #expect(eventually { test.server.statistics.openConnections == 4 })
            for client in clients { try client.send(request("GET", "/x") + request("GET", "/y")) }
            test.server.stopAccepting()
            #expect(test.server.drain(timeout: .seconds(30)))
            test.server.stop()
            for client in clients { #expect(try client.readAnswer().status == 200) }
        }
    }

    @Test("connections that wait to be accepted when the listening ends are still served")
    func backlog() throws {
        let test = try TestServer()
        let clients = try (0..<50).map { index in
            let client = try test.connect()
            try client.send(request("GET", "/\(index)"))
            return client
        }
        test.server.stopAccepting()
        #expect(test.server.drain(timeout: .seconds(30)))
        test.server.stop()
        for (index, client) in clients.enumerated() { #expect(try client.readAnswer().text == "GET /\(index)") }
    }

    @Test("a stop without draining answers 503 to whatever is worked on or arriving")
    func abruptStop() throws {
        let waiting = Waiting()
        let test = try TestServer(handle: waiting.take)
        let clients = try (0..<40).map { index in
            let client = try test.connect()
            let whole = request("POST", "/\(index)", headers: ["X-Request-Id: r\(index)"], body: noise(100))
            try client.send(index % 4 == 0 ? Array(whole.dropLast(10)) : whole)
            return client
        }
        let idle = try test.connect()
        #expect(eventually { waiting.count == 30 && test.server.statistics.unfinishedRequests == 40 })
        test.server.stop()
        for (index, client) in clients.enumerated() {
            let answer = try client.readAnswer()
            #expect(answer.status == 503)
            #expect(answer.code == "shutting_down")
            #expect(answer.header("X-Request-Id") == "r\(index)")
        }
        #expect(try idle.isAtEnd())
        // Too late, and without harm.
        for held in waiting.empty() {
            #expect(!held.request.clientHasLeft)
            held.responder.respond(echo(held.request))
        }
        test.stop()
        #expect(test.completed.count == 40)
        #expect(test.completed.allSatisfy { $0.status == 503 })
    }

    @Test("a stop under load neither crashes nor leaves anything behind", arguments: 0..<10)
    func stopUnderLoad(round: Int) throws {
        let test = try TestServer(handle: { request, responder in
            if request.parts.first?.count ?? 0 > 50 { return responder.respond(echo(request)) }
            Thread.detachNewThread { responder.respond(echo(request)) }
        })
        let port = test.port
        let group = DispatchGroup()
        let answered = Atomic<Int>(0)
        for _ in 0..<3 {
            DispatchQueue.global().async(group: group) {
                while let client = try? RawClient(port: port) {
                    for size in 1..<20 {
                        guard (try? client.send(request("POST", "/", body: noise(size * 7)))) != nil,
                            let answer = try? client.readAnswer()
                        else { break }
                        if answer.status == 200 { answered.add(1, ordering: .relaxed) }
                        if answer.header("Connection")?.lowercased() == "close" { break }
                    }
                }
            }
        }
        #expect(eventually { answered.load(ordering: .relaxed) > 20 })
        usleep(useconds_t(round * 700))
        if round % 2 == 0 {
            test.server.stopAccepting()
            #expect(test.server.drain(timeout: .seconds(30)))
            // What a client sends on its open connection from here on is answered 503, or finds the connection closed.
            #expect(test.completed.allSatisfy { $0.status == 200 && $0.delivered })
        }
        test.server.stop()
        group.wait()
        #expect(test.server.statistics.unfinishedRequests == 0)
    }

    @Test("stopping twice, and letting go of a server, end it")
    func repeated() throws {
        var server: Server? = try Server(
            configuration: configured { $0.port = 0 }, render: plain, refusal: { _ in nil }, handle: { $1.respond(Response(status: 200)) },
            completed: { _ in })
        let port = try #require(server?.port)
        server?.stop()
        server?.stop()
        server = nil
        let again = try Server(
            configuration: configured { $0.port = port }, render: plain, refusal: { _ in nil },
            handle: { $1.respond(Response(status: 200)) },
            completed: { _ in })
        #expect(again.port == port)
    }
}

func configured(_ configure: (inout ServerConfiguration) -> Void) -> ServerConfiguration {
    var configuration = ServerConfiguration()
    configure(&configuration)
    return configuration
}
