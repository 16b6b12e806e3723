import Testing

@testable import HTTPServer

@Suite struct RequestReaderTests {
    static let limits = HeadLimits(bytes: 400, fields: 12, target: 120, queryFields: 5)

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
                let seen = Reading(of: stream, pieces: pieces, limits: Self.limits)
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
            let reading = Reading(of: stream + request("GET", "/b"), pieces: [100], limits: Self.limits)
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
        let reading = Reading(of: stream, pieces: [33], limits: Self.limits)
        #expect(reading.messages.count == 200)
        #expect(reading.refused == nil)
    }
}
