import Foundation

/// An answer as it came over the wire.
struct HTTPAnswer {
    var status: Int
    var headers: [(name: String, value: String)]
    var body: Data

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: [String: Any] { (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:] }
    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }
}

/// One request on a connection of its own: sent, then read to the end.
final class HTTPClient {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private let connection: Int32

    init(port: UInt16) throws {
        connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        // Only keeps a failing test from hanging.
        var limit = timeval(tv_sec: 300, tv_usec: 0)
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard result == 0 else {
            let reason = String(cString: strerror(errno))
            close(connection)
            throw Failure(description: "cannot connect: \(reason)")
        }
    }

    deinit { close(connection) }

    /// Sends as far as the server lets it: a body that is refused early is not read to its end.
    func send(_ method: String, _ target: String, headers: [String] = [], body: [UInt8]? = nil) {
        var lines = ["\(method) \(target) HTTP/1.1", "Host: localhost", "Connection: close"] + headers
        if let body { lines.append("Content-Length: \(body.count)") }
        let bytes = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + (body ?? [])
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.send(connection, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            sent += count
        }
    }

    func read() throws -> HTTPAnswer {
        var data = Data()
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = recv(connection, &piece, piece.count, 0), count != 0 {
            guard count > 0 else { throw Failure(description: "cannot read: \(String(cString: strerror(errno)))") }
            data.append(contentsOf: piece[..<count])
        }
        guard let end = data.firstRange(of: Data("\r\n\r\n".utf8)) else {
            throw Failure(description: "no answer but '\(String(decoding: data, as: UTF8.self))'")
        }
        let lines = String(decoding: data[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else { throw Failure(description: "'\(lines[0])'") }
        let headers = lines.dropFirst().map { line in
            let sides = line.split(separator: ":", maxSplits: 1)
            return (name: String(sides[0]), value: sides.count == 2 ? sides[1].trimmingCharacters(in: .whitespaces) : "")
        }
        return HTTPAnswer(status: status, headers: headers, body: data[end.upperBound...])
    }
}

/// A form as curl sends it.
struct Form {
    static let header = "Content-Type: multipart/form-data; boundary=a-boundary"
    var body: [UInt8]

    init(_ fields: [(name: String, bytes: [UInt8])]) {
        body = fields.flatMap { field in
            Array("--a-boundary\r\nContent-Disposition: form-data; name=\"\(field.name)\"; filename=\"x.jpg\"\r\n\r\n".utf8) + field.bytes
                + Array("\r\n".utf8)
        }
        body += Array("--a-boundary--\r\n".utf8)
    }

    init(images: [[UInt8]]) { self.init(images.map { ("image", $0) }) }
}
