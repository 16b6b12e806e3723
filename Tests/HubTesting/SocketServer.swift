import Foundation
import Threads

/// A server on a free port of the loopback that takes one request a connection and answers with exactly the bytes it is told to, so that
/// a test can cut an answer off anywhere.
public final class SocketServer: Sendable {
    public struct Request: Sendable {
        public var method: String
        public var target: String
        public var headers: [String: String]
    }

    /// What is sent, before the connection is closed.
    public struct Reply: Sendable {
        public var status: Int
        public var headers: [String: String]
        public var body: [UInt8]
        /// Only so many bytes of the body are sent.
        public var cutAfter: Int?
        /// The connection is not closed until the client leaves.
        public var stalls = false
        /// Without it, the body ends where the connection does.
        public var isSized = true

        public init(_ status: Int, headers: [String: String] = [:], body: [UInt8] = []) {
            self.status = status
            self.headers = headers
            self.body = body
        }
    }

    public let port: UInt16
    private let listener: Int32
    private let log = Mutex<[Request]>([])

    /// Every request so far.
    ///
    /// A copy made under the lock: the thread sanitizer cannot see that an array is shared no more.
    public var requests: [Request] { log.withLock { $0.map { $0 } } }

    /// - Parameters:
    ///   - host: an address of the loopback, 127.0.0.1 to 127.255.255.254.
    ///   - port: 0 for a free one.
    public init(host: String = "127.0.0.1", port: UInt16 = 0, _ answer: @escaping @Sendable (Request) -> Reply) throws {
        (listener, self.port) = try listen(host, port)
        let listener = listener
        serve(listener) { [weak self] connection in
            guard let head = readHead(connection), let request = Request(head) else { return }
            self?.log.withLock { $0.append(request) }
            let reply = answer(request)
            var headers = reply.headers
            if reply.isSized { headers["Content-Length"] = headers["Content-Length"] ?? String(reply.body.count) }
            headers["Connection"] = "close"
            let lines = ["HTTP/1.1 \(reply.status) x"] + headers.map { "\($0): \($1)" }
            send(connection, Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + reply.body.prefix(reply.cutAfter ?? .max))
            var byte: UInt8 = 0
            if reply.stalls { while recv(connection, &byte, 1, 0) > 0 {} }
        }
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)) }
}

extension SocketServer.Request {
    /// - Parameter head: the request line and the headers, names in lower case afterwards.
    init?(_ head: String) {
        let lines = head.components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ").map(String.init)
        guard words.count == 3 else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let sides = line.split(separator: ":", maxSplits: 1)
            if sides.count == 2 { headers[sides[0].lowercased()] = sides[1].trimmingCharacters(in: .whitespaces) }
        }
        self.init(method: words[0], target: words[1], headers: headers)
    }
}

/// A proxy for plain HTTP: it passes on one request a connection, and nothing of its own.
public final class SocketProxy: Sendable {
    public let port: UInt16
    private let listener: Int32
    private let log = Mutex<[SocketServer.Request]>([])

    public var requests: [SocketServer.Request] { log.withLock { $0.map { $0 } } }

    public init() throws {
        (listener, port) = try listen("127.0.0.1", 0)
        let listener = listener
        serve(listener) { [weak self] connection in
            guard let head = readHead(connection), let request = SocketServer.Request(head) else { return }
            self?.log.withLock { $0.append(request) }
            guard let url = URLComponents(string: request.target), let host = url.host, let port = url.port.flatMap(UInt16.init(exactly:)),
                let target = try? connect(host, port)
            else { return send(connection, Array("HTTP/1.1 400 x\r\n\r\n".utf8)) }
            defer { close(target) }
            let query = url.percentEncodedQuery.map { "?\($0)" } ?? ""
            let headers = request.headers.filter { !$0.key.hasPrefix("proxy-") }.map { "\($0): \($1)\r\n" }.joined()
            send(target, Array("\(request.method) \(url.percentEncodedPath)\(query) HTTP/1.1\r\n\(headers)\r\n".utf8))
            relay(connection, target)
        }
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)) }
}

struct SocketFailure: Error {
    var code = errno
}

private func withAddress<Result>(
    _ host: String, _ port: UInt16, _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Result
) -> (Result, UInt16) {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, host, &address.sin_addr)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &size) }
    }
    return (result, UInt16(bigEndian: address.sin_port))
}

private func openSocket() -> Int32 { socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0) }

private func listen(_ host: String, _ port: UInt16) throws -> (Int32, UInt16) {
    let listener = openSocket()
    let (isListening, port) = withAddress(host, port) { address, size in
        bind(listener, address, size.pointee) == 0 && Glibc.listen(listener, 64) == 0 && getsockname(listener, address, size) == 0
    }
    guard listener >= 0, isListening else { throw SocketFailure() }
    return (listener, port)
}

private func connect(_ host: String, _ port: UInt16) throws -> Int32 {
    let connection = openSocket()
    guard withAddress(host, port, { Glibc.connect(connection, $0, $1.pointee) == 0 }).0 else { throw SocketFailure() }
    return connection
}

/// Accepts until the listener is shut down; each connection gets a thread, and is closed when `body` returns.
private func serve(_ listener: Int32, _ body: @escaping @Sendable (Int32) -> Void) {
    Thread.detachNewThread {
        while case let connection = accept(listener, nil, nil), connection >= 0 {
            Thread.detachNewThread {
                body(connection)
                close(connection)
            }
        }
        close(listener)
    }
}

/// Up to the empty line; nil if the client leaves before.
private func readHead(_ connection: Int32) -> String? {
    var head: [UInt8] = []
    var byte: UInt8 = 0
    while !head.suffix(4).elementsEqual([13, 10, 13, 10]) {
        guard head.count < 1 << 16, recv(connection, &byte, 1, 0) == 1 else { return nil }
        head.append(byte)
    }
    return String(decoding: head.dropLast(4), as: UTF8.self)
}

private func send(_ connection: Int32, _ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
        let count = bytes.withUnsafeBytes { Glibc.send(connection, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { return }
        sent += count
    }
}

private func relay(_ a: Int32, _ b: Int32) {
    var polls = [pollfd(fd: a, events: Int16(POLLIN), revents: 0), pollfd(fd: b, events: Int16(POLLIN), revents: 0)]
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while poll(&polls, 2, 60_000) > 0 {
        for (index, other) in [b, a].enumerated() where polls[index].revents != 0 {
            let count = recv(polls[index].fd, &buffer, buffer.count, 0)
            guard count > 0 else { return }
            send(other, Array(buffer[..<count]))
        }
    }
}
