import Foundation
import Testing

@testable import HTTPServer

@Suite struct MultipartTests {
    private static let crlf: [UInt8] = [0x0D, 0x0A]
    /// Contents that a careless search for the boundary trips over.
    private static let contents: [[UInt8]] = [
        [], [0], crlf, crlf + crlf, Array("--".utf8), Array("\r\n--XyZ-12".utf8), Array("\r\n--XyZ-123X".utf8),
        Array("\r\n--XyZ-123 X".utf8), Array("\r\n--XyZ-123-".utf8), [0x0D], [0x0D, 0x0D, 0x0A, 0x0D], noise(5000), noise(70_000, seed: 9),
        [UInt8](repeating: 0x0D, count: 3000),
    ]

    @Test("parts come in their order with exactly their bytes")
    func parts() throws {
        let test = try TestServer({ $0.bodyLimit = 1 << 20 })
        let fields = Self.contents.enumerated().map {
            (
                name: "f\($0)", filename: $0 % 2 == 0 ? "n\($0).jpg" : nil as String?, type: $0 % 3 == 0 ? "image/x-\($0)" : nil as String?,
                bytes: $1
            )
        }
        let expected = fields.map {
            "\npart \($0.name) \($0.filename ?? "-") \($0.type ?? "-") \($0.bytes.count) \(checksum($0.bytes))"
        }.joined()
        let body = form(fields)
        #expect(try test.exchange(request("POST", "/x", headers: [formType], body: body)).text == "POST /x" + expected)
        for size in [1, 3, 1000] {
            let head = request("POST", "/x", headers: [formType, "Transfer-Encoding: chunked"])
            #expect(try test.exchange(head + chunked(body, size: size)).text == "POST /x" + expected)
        }
        test.stop()
    }

    @Test("wherever the body is cut into pieces, the parts are the same")
    func pieces() throws {
        let fields = Self.contents.filter { $0.count < 100 }.map {
            (name: "n", filename: "a.jpg" as String?, type: nil as String?, bytes: $0)
        }
        let body = Array("preamble\r\n--XyZ-123X\r\n".utf8) + form(fields) + Array("epilogue\r\n--XyZ-123\r\n".utf8)
        for step in [1, 2, 5, 13, 64, body.count] {
            var parser = MultipartParser(boundary: "XyZ-123", partLimit: 100)
            for end in stride(from: step, to: body.count + step, by: step) {
                let growing = Array(body[..<min(end, body.count)])
                try growing.withUnsafeBytes { try parser.advance(over: $0) }
            }
            #expect(parser.isFinished)
            #expect(parser.fields.map { Array(body[$0.content]) } == fields.map(\.bytes))
            #expect(parser.fields.allSatisfy { $0.name == "n" && $0.filename == "a.jpg" })
        }
    }

    @Test("a part's header may be folded over lines, as in a letter")
    func folded() throws {
        let test = try TestServer()
        let body = Array(
            ("--XyZ-123\r\nContent-Disposition: form-data;\r\n\tname=\"image\";\r\n  filename=\"a\r\n b.jpg\"\r\n"
                + "Content-Type:\r\n image/jpeg\r\nX-Other: a\r\n\t b\r\n\r\nabc\r\n--XyZ-123--\r\n").utf8)
        #expect(
            try test.exchange(request("POST", "/x", headers: [formType], body: body)).text
                == "POST /x\npart image a b.jpg image/jpeg 3 \(checksum(Array("abc".utf8)))")
        let first = Array("--XyZ-123\r\n Content-Disposition: form-data; name=a\r\n\r\nabc\r\n--XyZ-123--\r\n".utf8)
        #expect(try test.exchange(request("POST", "/x", headers: [formType], body: first)).code == "bad_multipart")
        test.stop()
    }

    @Test("marks that combine with a quote, a colon or a blank change nothing of how a header is read")
    func combiningMarks() throws {
        let test = try TestServer()
        let head = "--XyZ-123\r\nContent-Disposition: form-data; x=\u{301}; name=\"image\"; filename=\"\u{301}.jpg\"\r\nX:\u{301}\r\n\r\n"
        let body = Array((head + "abc\r\n--XyZ-123--\r\n").utf8)
        #expect(
            try test.exchange(request("POST", "/x", headers: [formType, "V:\u{301}"], body: body)).text
                == "POST /x\npart image \u{301}.jpg - 3 \(checksum(Array("abc".utf8)))")
        test.stop()
    }

    @Test("a form that is broken is refused with 400")
    func broken() throws {
        let test = try TestServer()
        let whole = form([("image", "a.jpg", nil, noise(3000))])
        let long = String(repeating: "b", count: 71)
        let cases: [(type: String, body: [UInt8])] = [
            (formType, Array(whole.dropLast(4))), (formType, Array(whole.dropLast(100))), (formType, Array("hello".utf8)),
            (formType + "X", whole), ("Content-Type: multipart/form-data", whole),
            ("Content-Type: multipart/form-data; boundary=", whole), ("Content-Type: multipart/form-data; boundary=\"\"", whole),
            ("Content-Type: multipart/form-data; boundary=\"", whole), ("Content-Type: multipart/form-data; boundary=a\u{E9}b", whole),
            ("Content-Type: multipart/form-data; boundary=\(long)", form([("a", nil, nil, [1])], boundary: long)),
            (formType, Array("--XyZ-123\r\nnonsense\r\n\r\nx\r\n--XyZ-123--\r\n".utf8)),
            (formType, Array("--XyZ-123\r\nX: \(String(repeating: "a", count: 9000))\r\n\r\nx\r\n--XyZ-123--\r\n".utf8)),
            (formType, Array("--XyZ-123\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n--XyZ-123--\r\n".utf8)),
        ]
        for (index, item) in cases.enumerated() {
            let client = try test.connect()
            client.sendIgnoringErrors(request("POST", "/x", headers: [item.type], body: item.body))
            let answer = try client.readAnswer()
            #expect(answer.status == 400, "case \(index)")
            #expect(answer.code == "bad_multipart", "case \(index)")
        }
        test.stop()
    }

    @Test("a boundary of 70 characters, quoted, is fine")
    func longBoundary() throws {
        let test = try TestServer()
        let boundary = String(repeating: "b", count: 60) + "'()+_,-./:"
        let body = form([("a", nil, nil, [1, 2])], boundary: boundary)
        let answer = try test.exchange(
            request("POST", "/x", headers: ["content-type: Multipart/Form-Data; x=1; BOUNDARY=\"\(boundary)\""], body: body))
        #expect(answer.text.hasPrefix("POST /x\npart a - - 2 "))
        test.stop()
    }

    @Test("too many parts are refused as soon as they are seen", arguments: [3, 4])
    func partLimit(count: Int) throws {
        let test = try TestServer({ $0.partLimit = 3 })
        let body = form((0..<count).map { ("f\($0)", nil, nil, noise(50)) })
        let client = try test.connect()
        if count <= 3 {
            try client.send(request("POST", "/x", headers: [formType], body: body))
            #expect(try client.readAnswer().status == 200)
        } else {
            // The body never comes to its end: the answer does not wait for it.
            try client.send(request("POST", "/x", headers: [formType, "Content-Length: 10000000"]) + body)
            let answer = try client.readAnswer()
            #expect(answer.status == 413)
            #expect(answer.code == "too_many_parts")
        }
        test.stop()
    }

    @Test("names are taken from their parameters as clients write them")
    func names() {
        #expect(HeaderValue(#"form-data; name="a\"b\\c"; filename="C:\dir\x.jpg""#)["name"] == #"a"b\c"#)
        #expect(HeaderValue(#"form-data; name="a"; filename="C:\dir\x.jpg""#).filename == #"C:\dir\x.jpg"#)
        #expect(HeaderValue("form-data;name=a ; FileName=b c").filename == "b c")
        #expect(HeaderValue(#"form-data; name="a;b=c"; filename="x"; filename*=UTF-8''%c3%a9.jpg"#).filename == "é.jpg")
        #expect(HeaderValue(#"form-data; name="a;b=c""#)["name"] == "a;b=c")
        #expect(HeaderValue("form-data; name").value == "form-data")
        #expect(HeaderValue("form-data; name=\"open")["name"] == "open")
        #expect(HeaderValue("")["name"] == nil)
    }

    @Test("whatever the bytes, the parser neither crashes nor slows down")
    func fuzz() {
        var state: UInt64 = 7
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let pieces: [[UInt8]] = [
            [0x0D], [0x0A], [0x2D], Self.crlf, Array("--b".utf8), Array("\r\n--b".utf8), Array("--".utf8), [0x20], Array("a: b".utf8),
            Array("Content-Disposition: form-data; name=\"x\"".utf8), [0x22], [0x3B], [0],
        ]
        for _ in 0..<3000 {
            let body = (0..<next(40)).flatMap { _ in pieces[next(pieces.count)] }
            var parser = MultipartParser(boundary: "b", partLimit: 5)
            do throws(Refusal) {
                var end = 0
                while end < body.count {
                    end = min(body.count, end + 1 + next(9))
                    let part = Array(body[..<end])
                    var failure: Refusal?
                    part.withUnsafeBytes { bytes in
                        do throws(Refusal) { try parser.advance(over: bytes) } catch { failure = error }
                    }
                    if let failure { throw failure }
                }
            } catch { #expect(error.status == 400 || error.status == 413) }
            #expect(parser.fields.allSatisfy { $0.content.upperBound <= body.count })
        }
    }
}
