import Foundation
import Testing

@testable import HTTPServer

/// Whether the tests run under the address or the thread sanitizer.
private let isSanitized = ["__asan_init", "__tsan_init"].contains { (name: String) in dlsym(nil, name) != nil }

@Suite struct UploadTests {
    private func share(_ limit: Int) throws -> BodyMemory.Share {
        try BodyMemory(
            configured {
                $0.bodyLimit = limit
                $0.bodyMemoryLimit = limit
            }
        ).share(expecting: 0, of: "127.0.0.1")
    }

    @Test("a body's bytes lie together whatever pieces they come in", arguments: [0, 3_000_000])
    func buffer(expected: Int) throws {
        let whole = noise(3_000_000)
        let buffer = BodyBuffer(share: try share(whole.count))
        var offset = 0
        for size in [1, 4095, 1, 60_000, 1_500_000, 1_435_903] {
            try whole[offset..<offset + size].withUnsafeBytes { try buffer.append($0, expecting: expected) }
            offset += size
            #expect(buffer.count == offset)
        }
        #expect(checksum(buffer.bytes) == checksum(whole))
    }

    @Test("memory grows with what arrives, not with what is announced")
    func announced() throws {
        let buffer = BodyBuffer(share: try share(1 << 40))
        try [1, 2, 3].withUnsafeBytes { try buffer.append($0, expecting: 1 << 40) }
        #expect(buffer.capacity <= 128 << 10)
        let piece = noise(1 << 20)
        try piece.withUnsafeBytes { bytes in for _ in 0..<8 { try buffer.append(bytes, expecting: 1 << 40) } }
        #expect(buffer.capacity <= buffer.count + 1 << 20)
    }

    @Test(
        "where the system has no memory the body is refused",
        .disabled(if: isSanitized, "a sanitizer ends the process where memory is asked for that cannot be"))
    func noMemory() throws {
        let buffer = BodyBuffer(share: try share(.max))
        let page = noise(4096)
        try page.withUnsafeBytes { try buffer.append($0, expecting: 0) }
        // More than there is room for in any address space. The bytes are never looked at.
        let absurd = page.withUnsafeBytes { UnsafeRawBufferPointer(start: $0.baseAddress, count: 1 << 60) }
        #expect(throws: Refusal.self) { try buffer.append(absurd, expecting: 0) }
        #expect(buffer.count == 4096)
        #expect(checksum(buffer.bytes) == checksum(page))
    }

    @Test("an upload that stalls is cut off, and one that keeps the pace is not", arguments: ["length", "chunks"])
    func pace(framing: String) throws {
        let test = try TestServer({
            $0.uploadGrace = .milliseconds(300)
            $0.uploadRate = 10_000
        })
        let body = noise(100_000)
        let head = request("POST", "/x", headers: [framing == "length" ? "Content-Length: 100000" : "Transfer-Encoding: chunked"])
        let bytes = framing == "length" ? body : chunked(body, size: 900)
        let stalled = try test.connect()
        // However much came before: what counts is the last while.
        try stalled.send(head + bytes.dropLast(1000))
        let steady = try test.connect()
        try steady.send(head)
        for start in stride(from: 0, to: bytes.count, by: 10_000) {
            try steady.send(Array(bytes[start..<min(bytes.count, start + 10_000)]))
            usleep(50_000)
        }
        #expect(try steady.readAnswer().status == 200)
        let answer = try stalled.readAnswer()
        #expect(answer.status == 408)
        #expect(answer.code == "upload_too_slow")
        #expect(try stalled.isAtEnd())
        test.stop()
        #expect(test.completed.map(\.status).sorted() == [200, 408])
    }

    @Test("the pace is asked of bodies that arrive, not of those that wait, nor of answers")
    func noPace() throws {
        let waiting = Waiting()
        let test = try TestServer(
            {
                $0.uploadGrace = .milliseconds(50)
                $0.uploadRate = 1000
            }, handle: waiting.take)
        let client = try test.connect()
        let rest = request("POST", "/2", body: noise(3000))
        try client.send(request("POST", "/1", body: noise(3000)) + rest.dropLast(1000))
        usleep(300_000)
        #expect(waiting.count == 1)
        for held in waiting.empty() { held.responder.respond(echo(held.request)) }
        try client.send(Array(rest.suffix(1000)))
        #expect(try client.readAnswer().text.hasPrefix("POST /1\n"))
        #expect(eventually { waiting.count == 1 })
        for held in waiting.empty() { held.responder.respond(echo(held.request)) }
        #expect(try client.readAnswer().text.hasPrefix("POST /2\n"))
        test.stop()
    }
}
