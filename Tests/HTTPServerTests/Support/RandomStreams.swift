/// Repeats itself for a seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

/// Some requests one after the other: valid ones, and ones that are broken somewhere.
func drawStream(_ random: inout SeededGenerator) -> [UInt8] {
    func one(_ choices: [String]) -> String { choices.randomElement(using: &random) ?? "" }
    var stream: [UInt8] = []
    for _ in 0..<Int.random(in: 1...4, using: &random) {
        let isRare = Int.random(in: 0..<4, using: &random) == 0
        let method = one(["GET", "POST", "HEAD", "M-X"])
        let target = one([
            "/", "/a/b?x=1", "/%41%c3%a9", "/?a=1&b=2&c",
            isRare
                ? one([
                    "http://a/b?c", "HTTPS://[::1]:8/", "http://a", "http://a?b", "https:///b", "http://:8/", "http://b@a/", "http://a:b/",
                    "http://[]/", "http://[::1/",
                ]) : "/d",
            isRare ? one(["*", "/%zz", "a", "/?&&&&&&", "/\u{E9}", "/\(String(repeating: "t", count: 130))"]) : "/c",
        ])
        let version = one([
            "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", isRare ? one(["HTTP/1.0", "HTTP/2.0", "HTTP/1.1 ", "http/1.1", "HTTP/1.11"]) : "HTTP/1.1",
        ])
        var lines = [
            one(["\(method) \(target) \(version)", isRare ? "\(method)  \(target) \(version)" : "\(method) \(target) \(version)"])
        ]
        lines.append(
            one([
                "Host: a", "host:a", "HOST:\t a ",
                isRare
                    ? one([
                        "Host : a", "Host: a\r\nHost: b", "X: y", "Host:", "Host: [::1]:80", "Host: a b", "Host: a/b", "Host: b@a",
                        "Host: a:8:8",
                    ]) : "Host: a",
            ]))
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            lines.append(
                one([
                    "A: b", "X-Y:", "a:\tb c\t", "V: \u{E9}", "W:\u{301} \t", "Connection: close,\u{301}", "Connection: k eep-alive",
                    "Connection: \u{212A}eep-Alive", "Connection: keep-alive",
                    isRare
                        ? one([
                            " folded: x", "\tx", "no colon", ": x", "a\u{0}: b", "a: \u{7F}", "Connection: a, close", "b\rc: d",
                            "e: f\ng: h", String(repeating: "l", count: 300) + ":",
                        ]) : "C: d",
                ]))
        }
        var body: [UInt8] = []
        switch Int.random(in: 0..<4, using: &random) {
        case 0: break
        case 1, 2:
            body = noise(Int.random(in: 0...60, using: &random), seed: random.next())
            let length =
                isRare
                ? one(["+5", "0x5", "-1", "1e3", "5 5", "", "5 ", "99999999999999999999", "\(body.count), \(body.count)"]) : "\(body.count)"
            lines.append("Content-Length: \(length)")
            if isRare, Bool.random(using: &random) { lines.append(one(["Content-Length: \(length)", "Transfer-Encoding: chunked"])) }
        default:
            lines.append(
                isRare
                    ? one(["Transfer-Encoding: gzip", "Transfer-Encoding: chunked ", "Transfer-Encoding: chunked, chunked"])
                    : one(["Transfer-Encoding: chunked", "transfer-encoding:Chunked"]))
            body = chunked(noise(Int.random(in: 1...60, using: &random), seed: random.next()), size: Int.random(in: 1...20, using: &random))
            if Bool.random(using: &random) {
                body.removeLast(2)
                body += Array(one(["T: u\r\n\r\n", "\r\n", isRare ? "T : u\r\n\r\n" : "A:\r\nB:\r\n\r\n"]).utf8)
            }
            if isRare {
                body = Array(
                    one([
                        "5;ext=\"a b\"\r\nabcde\r\n0\r\n\r\n", "5;\r\nabcde\r\n00;x\r\n\r\n", "5 \r\nabcde\r\n0\r\n\r\n",
                        "0x5\r\nabcde\r\n0\r\n\r\n", "5\nabcde\r\n0\r\n\r\n", "3\r\nabcde\r\n0\r\n\r\n", "+5\r\nabcde\r\n0\r\n\r\n", "\r\n",
                    ]).utf8)
            }
        }
        if isRare, Int.random(in: 0..<6, using: &random) == 0 { lines += (0..<15).map { "F\($0):" } }
        let lineBreak = isRare && Int.random(in: 0..<5, using: &random) == 0 ? "\n" : "\r\n"
        stream += Array(String(repeating: "\r\n", count: isRare ? Int.random(in: 0...5, using: &random) : 0).utf8)
        stream += Array((lines.joined(separator: lineBreak) + lineBreak + lineBreak).utf8) + body
    }
    // A byte changed, left out or put in; the end cut off.
    for _ in 0..<(Int.random(in: 0..<3, using: &random) == 0 ? Int.random(in: 1...2, using: &random) : 0) where !stream.isEmpty {
        let place = Int.random(in: 0..<stream.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: stream[place] = UInt8.random(in: 0...255, using: &random)
        case 1: stream.remove(at: place)
        case 2: stream.insert([0x0D, 0x0A, 0x20, 0x3A, 0x00].randomElement(using: &random) ?? 0, at: place)
        default: stream.removeLast(stream.count - place)
        }
    }
    return stream
}
