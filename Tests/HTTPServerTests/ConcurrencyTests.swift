import Foundation
import Testing
import Threads

import struct Synchronization.Atomic

@testable import HTTPServer

/// Requests that wait for the test to answer them.
final class Waiting: Sendable {
    private let held = Mutex<[(request: Request, responder: Responder)]>([])

    @Sendable func take(_ request: Request, _ responder: Responder) { held.withLock { $0.append((request, responder)) } }
    var count: Int { held.withLock { $0.count } }
    func empty() -> [(request: Request, responder: Responder)] {
        held.withLock { held in
            defer { held = [] }
            return held
        }
    }
    func first() -> Request? { held.withLock { $0.first?.request } }
}

@Suite struct ConcurrencyTests {
    @Test("a hundred in flight are each given their own answer, in whatever order these come")
    func manyInFlight() throws {
        let waiting = Waiting()
        let test = try TestServer({ $0.threads = 3 }, handle: waiting.take)
        // Two descriptors each, of the 1,024 that all tests share.
        let clients = try (0..<100).map { index in
            let client = try test.connect()
            try client.send(request("POST", "/\(index)", body: noise(200, seed: UInt64(index))))
            return client
        }
        #expect(eventually { waiting.count == 100 })
        var held = waiting.empty()
        held.shuffle()
        let queue = Mutex(held)
        held = []
        for _ in 0..<6 {
            Thread.detachNewThread {
                while let next = queue.withLock({ $0.popLast() }) { next.responder.respond(echo(next.request)) }
            }
        }
        for (index, client) in clients.enumerated() {
            #expect(try client.readAnswer().text == "POST /\(index)\npart - - - 200 \(checksum(noise(200, seed: UInt64(index))))")
        }
        test.stop()
        #expect(test.completed.count == 100)
    }

    @Test("answers race with the suspension: at once, a moment later, from another thread")
    func races() throws {
        let turn = Atomic<Int>(0)
        let test = try TestServer(handle: { request, responder in
            switch turn.add(1, ordering: .relaxed).newValue % 4 {
            case 0: responder.respond(echo(request))
            case 1: Thread.detachNewThread { responder.respond(echo(request)) }
            case 2:
                Thread.detachNewThread { responder.respond(echo(request)) }
                responder.respond(echo(request))
            default:
                Thread.detachNewThread {
                    usleep(100)
                    responder.respond(echo(request))
                    responder.respond(Response(status: 500))
                }
            }
        })
        let failures = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 4) { worker in
            do {
                let client = try test.connect()
                for index in 0..<250 {
                    try client.send(request("POST", "/\(worker)/\(index)", body: [1]))
                    let answer = try client.readAnswer()
                    if !answer.text.hasPrefix("POST /\(worker)/\(index)\n") { failures.add(1, ordering: .relaxed) }
                }
            } catch { failures.add(1, ordering: .relaxed) }
        }
        #expect(failures.load(ordering: .relaxed) == 0)
        test.stop()
        #expect(test.completed.count == 1000)
        #expect(test.completed.allSatisfy { $0.status == 200 && $0.delivered })
    }

    @Test("a client that leaves while it waits is noticed", arguments: [false, true])
    func clientLeaves(byReset: Bool) throws {
        let waiting = Waiting()
        let test = try TestServer(handle: waiting.take)
        let client = try test.connect()
        // A pipelined second request must not hide that the client has gone.
        try client.send(request("POST", "/x", body: noise(10)) + request("GET", "/y"))
        #expect(eventually { waiting.count == 1 })
        let seen = try #require(waiting.first())
        #expect(!seen.clientHasLeft)
        if byReset { client.reset() } else { client.close() }
        #expect(eventually { seen.clientHasLeft })
        for held in waiting.empty() { held.responder.respond(echo(held.request)) }
        #expect(!seen.clientHasLeft, "it is answered now, and no more is known")
        test.server.stop()
        #expect(test.completed.first?.status == 200)
    }

    @Test("clients that come and go at every stage leave nothing behind")
    func chaos() throws {
        let test = try TestServer(
            { $0.bodyLimit = 50_000 },
            handle: { request, responder in
                Thread.detachNewThread {
                    usleep(useconds_t(request.parts.first?.count ?? 0) % 2000)
                    if !request.clientHasLeft { responder.respond(echo(request)) }
                }
            })
        DispatchQueue.concurrentPerform(iterations: 4) { worker in
            for index in 0..<100 {
                guard let client = try? test.connect() else { continue }
                let whole = request("POST", "/x", headers: [formType], body: form([("image", "a", nil, noise(index * 600))]))
                switch (index + worker) % 5 {
                case 0: client.sendIgnoringErrors(Array(whole.prefix(index)))
                case 1: client.sendIgnoringErrors(Array(whole.prefix(whole.count / 2)))
                case 2: client.sendIgnoringErrors(whole)
                case 3:
                    client.sendIgnoringErrors(whole + whole)
                    client.halfClose()
                    _ = try? client.readAnswer()
                default:
                    client.sendIgnoringErrors(whole)
                    _ = try? client.readAnswer()
                }
                if index % 2 == 0 { client.reset() } else { client.close() }
            }
        }
        #expect(eventually { test.server.statistics.openConnections == 0 && test.server.statistics.unfinishedRequests == 0 })
        #expect(try test.exchange(request("GET", "/alive")).text == "GET /alive")
        test.stop()
    }
}
