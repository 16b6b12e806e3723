import Foundation

@testable import HTTPServer

/// A client that sends exactly the bytes it is told to.
final class RawClient {
    struct Answer {
        var status: Int
        var headers: [(name: String, value: String)]
        var body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        func header(_ name: String) -> String? { headers.first { equalIgnoringCase($0.name, name) }?.value }
        /// The code of a refusal.
        var code: String? { header("Code") }
    }
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let socket: Int32
    private var buffer: [UInt8] = []
    private var isOpen = true

    /// - Parameter source: the address of the loopback to come from.
    init(port: UInt16, from source: String = "127.0.0.1") throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        // Nothing that the tests wait for takes this long: it only keeps a failing test from hanging.
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var local = sockaddr_in()
        local.sin_family = sa_family_t(AF_INET)
        inet_pton(AF_INET, source, &local.sin_addr)
        func call(_ function: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32, _ address: inout sockaddr_in) -> Int32 {
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { function(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
            }
        }
        var result = source == "127.0.0.1" ? 0 : call(bind, &local)
        if result == 0 { result = call(connect, &address) }
        guard result == 0 else {
            // And not again in deinit, which runs too: the number may be another socket's by then.
            close()
            throw Failure(description: "connect: \(errorText(errno))")
        }
    }

    /// By a Unix-domain socket.
    init(path: String) throws {
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        guard result == 0 else {
            close()
            throw Failure(description: "connect: \(errorText(errno))")
        }
    }

    deinit { close() }

    func close() {
        if isOpen { Glibc.close(socket) }
        isOpen = false
    }

    /// Closes with a reset instead of a FIN.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    func halfClose() { shutdown(socket, Int32(SHUT_WR)) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.send(socket, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Failure(description: "send: \(errorText(errno))") }
            sent += count
        }
    }

    /// Sends as far as the server lets it; for bodies that are refused on the way.
    func sendIgnoringErrors(_ bytes: [UInt8]) { try? send(bytes) }

    /// The next response; `hasBody` is false for the answer to a HEAD.
    func readAnswer(hasBody: Bool = true) throws -> Answer {
        let separator = Array("\r\n\r\n".utf8)
        var headEnd: Int?
        while true {
            headEnd = Data(buffer).range(of: Data(separator))?.lowerBound
            if headEnd != nil { break }
            guard try fill() else { throw Failure(description: "closed in the head after '\(String(decoding: buffer, as: UTF8.self))'") }
        }
        let lines = String(decoding: buffer[..<headEnd!], as: UTF8.self).components(separatedBy: "\r\n")
        buffer.removeFirst(headEnd! + 4)
        let words = lines[0].split(separator: " ")
        guard words.count >= 2, let status = Int(words[1]) else { throw Failure(description: "status line '\(lines[0])'") }
        var answer = Answer(status: status, headers: [], body: [])
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            answer.headers.append((String(parts[0]), parts[1].trimmingCharacters(in: .whitespaces)))
        }
        let length = hasBody && status >= 200 ? Int(answer.header("Content-Length") ?? "0") ?? 0 : 0
        while buffer.count < length {
            guard try fill() else { throw Failure(description: "closed in the body after \(buffer.count) of \(length) bytes") }
        }
        answer.body = Array(buffer[..<length])
        buffer.removeFirst(length)
        return answer
    }

    /// Whether the server has closed its side, with nothing more to read.
    func isAtEnd() throws -> Bool { try buffer.isEmpty && !fill() }

    private func fill() throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(socket, &chunk, chunk.count, 0)
        if count < 0, errno == ECONNRESET { return false }
        guard count >= 0 else { throw Failure(description: "recv: \(errorText(errno))") }
        buffer += chunk[..<count]
        return count > 0
    }
}

/// A request as text; the body's length is added where there is one.
func request(_ method: String, _ target: String, headers: [String] = [], body: [UInt8] = [], addLength: Bool = true) -> [UInt8] {
    var lines = ["\(method) \(target) HTTP/1.1", "Host: test"] + headers
    if addLength, !body.isEmpty { lines.append("Content-Length: \(body.count)") }
    return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
}

/// A body in chunks of that size.
func chunked(_ body: [UInt8], size: Int) -> [UInt8] {
    var coded: [UInt8] = []
    for start in stride(from: 0, to: body.count, by: size) {
        let piece = body[start..<min(start + size, body.count)]
        coded += Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + Array("\r\n".utf8)
    }
    return coded + Array("0\r\n\r\n".utf8)
}

/// A form of these fields.
func form(_ fields: [(name: String, filename: String?, type: String?, bytes: [UInt8])], boundary: String = "XyZ-123") -> [UInt8] {
    var body: [UInt8] = []
    for field in fields {
        var head = "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(field.name)\""
        if let filename = field.filename { head += "; filename=\"\(filename)\"" }
        if let type = field.type { head += "\r\nContent-Type: \(type)" }
        body += Array((head + "\r\n\r\n").utf8) + field.bytes + Array("\r\n".utf8)
    }
    return body + Array("--\(boundary)--\r\n".utf8)
}

let formType = "Content-Type: multipart/form-data; boundary=XyZ-123"

/// Bytes that look random and are the same each time.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 33)
    }
}
