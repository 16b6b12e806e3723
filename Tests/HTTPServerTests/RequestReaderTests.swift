import Testing

@testable import HTTPServer

/// What the reader made of a stream: the heads and bodies in their order, and the status of the refusal that ended it.
struct Reading: Equatable {
    struct Message: Equatable {
        var method: String
        var path: String
        var headers: [String]
        var body: [UInt8]
    }
    var messages: [Message] = []
    /// Whether the last message is all here.
    var isComplete = true
    var refused: Int?
}

@Suite struct RequestReaderTests {
    static let limits = HeadLimits(bytes: 400, fields: 12, target: 120, queryFields: 5)

    /// Reads a stream in pieces of the given sizes, the last of which goes on.
    static func read(_ stream: [UInt8], pieces: [Int], limits: HeadLimits = limits) -> Reading {
        var reader = RequestReader(limits: limits, client: "test", isSingle: false)
        var output: [UInt8] = []
        var heads: [RequestReader.Received] = []
        var refused: Int?
        var offset = 0
        var sizes = pieces[...]
        while offset < stream.count, refused == nil {
            let size = min(stream.count - offset, max(1, sizes.first ?? stream.count))
            if sizes.count > 1 { sizes.removeFirst() }
            let piece = Array(stream[offset..<offset + size])
            offset += size
            // As the connection does with the bytes of large bodies.
            if reader.bodyBytesAhead >= size, size > 1 {
                reader.passBody(size)
                output += piece
                continue
            }
            do throws(Refusal) {
                var failure: Refusal?
                piece.withUnsafeBytes { bytes in
                    do throws(Refusal) {
                        try reader.read(bytes, at: .now, output: &output, heads: &heads)
                    } catch { failure = error }
                }
                if let failure { throw failure }
            } catch { refused = error.status }
        }
        return daemonReading(output, heads, refused)
    }

    /// What a plain reader makes of the bytes that the daemon gets.
    private static func daemonReading(_ output: [UInt8], _ heads: [RequestReader.Received], _ refused: Int?) -> Reading {
        var reading = Reading(refused: refused)
        var rest = output[...]
        for received in heads {
            let head = received.head
            var message = Reading.Message(
                method: head.method, path: head.path, headers: head.headers.map { "\($0.name): \($0.value)" }, body: [])
            while let line = popLine(&rest), !line.isEmpty {}
            if head.isChunked {
                reading.isComplete = false
                while let line = popLine(&rest), let size = Int(line, radix: 16) {
                    message.body += rest.prefix(size)
                    let isWhole = rest.count >= size
                    rest = rest.dropFirst(size)
                    if isWhole { _ = popLine(&rest) }
                    if size == 0 { reading.isComplete = true }
                    if size == 0 || !isWhole { break }
                }
            } else {
                let length = head.contentLength ?? 0
                message.body = Array(rest.prefix(length))
                rest = rest.dropFirst(length)
                reading.isComplete = message.body.count == length
            }
            reading.messages.append(message)
        }
        return reading
    }

    private static func popLine(_ rest: inout ArraySlice<UInt8>) -> String? {
        guard let end = rest.firstIndex(of: 0x0A) else { return nil }
        defer { rest = rest[(end + 1)...] }
        return String(decoding: rest[..<end].dropLast(), as: UTF8.self)
    }

    @Test("however a stream is cut into pieces, it is read as the whole of it is read by a plain reader", arguments: 0..<12)
    func pieces(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var kinds: [String: Int] = [:]
        for _ in 0..<120 {
            let stream = drawStream(&random)
            let expected = ReferenceReader.read(stream, limits: Self.limits)
            kinds[expected.refused.map { "\($0)" } ?? (expected.messages.isEmpty ? "nothing" : "read"), default: 0] += 1
            let cuts = [
                [stream.count], [1], (0..<50).map { _ in Int.random(in: 1...40, using: &random) }, [Int.random(in: 1...9, using: &random)],
            ]
            for pieces in cuts {
                let seen = Self.read(stream, pieces: pieces)
                #expect(
                    seen == expected,
                    "seed \(seed), pieces \(pieces.prefix(3)), \(String(reflecting: String(decoding: stream, as: UTF8.self)))")
                if seen != expected { return }
            }
        }
        // The streams are of all kinds, not all broken at their start.
        #expect(kinds["read", default: 0] > 10 && kinds["400", default: 0] > 10, "\(kinds)")
    }

    @Test("a body's bytes are not looked at")
    func bodies() {
        let body = noise(5000) + Array("\r\nGET / HTTP/1.1\r\n\r\n\0\n".utf8)
        for stream in [
            request("POST", "/a", body: body), request("POST", "/a", headers: ["Transfer-Encoding: chunked"]) + chunked(body, size: 700),
        ] {
            let reading = Self.read(stream + request("GET", "/b"), pieces: [100])
            #expect(reading.messages.map(\.path) == ["/a", "/b"])
            #expect(reading.messages.first?.body == body)
            #expect(reading.refused == nil)
        }
    }

    @Test("nothing is kept of a head that is done")
    func startsAnew() {
        // Each is well within the limits, all together are not.
        let stream = (0..<200).flatMap {
            request("POST", "/\($0)", headers: ["X: \($0)", "Transfer-Encoding: chunked"]) + chunked(noise(9), size: 2)
        }
        let reading = Self.read(stream, pieces: [33])
        #expect(reading.messages.count == 200)
        #expect(reading.refused == nil)
    }
}
