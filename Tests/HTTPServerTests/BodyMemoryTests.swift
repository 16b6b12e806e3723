import Foundation
import Testing

@testable import HTTPServer

@Suite struct BodyMemoryTests {
    @Test("bodies in memory are bounded together, and counted until nobody holds them")
    func bodyMemory() throws {
        let waiting = Waiting()
        let test = try TestServer(
            {
                $0.bodyLimit = 1000
                $0.bodyMemoryLimit = 1500
                $0.bodyMemoryPerClient = 0
            }, handle: waiting.take)
        let first = try test.connect()
        try first.send(request("POST", "/x", body: noise(1000)))
        #expect(eventually { waiting.count == 1 })
        #expect(test.server.statistics.bodyBytes == 1000)
        // Announced: refused at the head. Not announced: refused when it has grown too large.
        let head = request("POST", "/x", headers: ["Transfer-Encoding: chunked"])
        for bytes in [request("POST", "/x", headers: ["Content-Length: 501"]), head + chunked(noise(501), size: 400)] {
            let second = try test.connect()
            second.sendIgnoringErrors(bytes)
            let answer = try second.readAnswer()
            #expect(answer.status == 429)
            #expect(answer.code == "too_many_bytes")
            #expect(answer.header("Retry-After") == "1")
        }
        let third = try test.connect()
        try third.send(request("POST", "/x", body: noise(500)))
        #expect(eventually { waiting.count == 2 })
        for held in waiting.empty() { held.responder.respond(echo(held.request)) }
        #expect(try first.readAnswer().status == 200)
        #expect(try third.readAnswer().status == 200)
        #expect(eventually { test.server.statistics.bodyBytes == 0 })
        test.stop()
    }

    @Test("bytes that are only announced take nothing from others")
    func announced() throws {
        let test = try TestServer({
            $0.bodyLimit = 1000
            $0.bodyMemoryLimit = 1000
        })
        let idle = try (0..<10).map { _ in
            let client = try test.connect()
            try client.send(request("POST", "/x", headers: ["Content-Length: 1000"]))
            return client
        }
        #expect(try test.exchange(request("POST", "/x", body: noise(1000))).status == 200)
        withExtendedLifetime(idle) {}
        test.stop()
    }
}
