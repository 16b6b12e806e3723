import ArgumentParser
import FoundationEssentials
import Glibc

struct Probe: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask a server whether it is ready: exits with 0 if it is, with 1 if not.",
        discussion: "For a container's health check, which then needs no other program.")

    @Option(help: "The server's host.")
    var host: String = environment("probe-host", default: "127.0.0.1")

    @Option(help: "The server's port.")
    var port: UInt16 = environment("port", default: 8080)

    @Option(help: "livez, readyz or healthz.")
    var path: String = environment("probe-path", default: "healthz")

    @Option(help: "How long to wait for the connection, and for each piece of the answer, in seconds.")
    var timeout: Double = environment("probe-timeout", default: 2)

    func validate() throws {
        guard timeout > 0, timeout <= 3600 else { throw ValidationError("--timeout must be above 0 and at most 3,600 seconds.") }
    }

    func run() throws {
        guard let answer = try get(), let status = answer.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            printError("\(host):\(port) did not answer in HTTP")
            throw ExitCode.failure
        }
        let body = answer.firstRange(of: "\r\n\r\n").map { answer[$0.upperBound...] } ?? ""
        print("\(status) \(body)", terminator: body.hasSuffix("\n") ? "" : "\n")
        guard status == 200 else { throw ExitCode.failure }
    }

    /// The whole answer to a GET. (Foundation's client would bring libcurl into the image for this one request.)
    private func get() throws -> String? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &found)
        defer { if let found { freeaddrinfo(found) } }
        guard status == 0 else { throw failure("cannot be resolved: \(String(cString: gai_strerror(status)))") }
        var connection: Int32 = -1
        var next = found
        while let address = next?.pointee, connection < 0 {
            connection = socket(address.ai_family, address.ai_socktype, address.ai_protocol)
            guard connection >= 0 else { break }
            var wait = timeval(tv_sec: Int(timeout), tv_usec: Int(timeout.truncatingRemainder(dividingBy: 1) * 1e6))
            for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
                setsockopt(connection, SOL_SOCKET, option, &wait, socklen_t(MemoryLayout<timeval>.size))
            }
            if connect(connection, address.ai_addr, address.ai_addrlen) != 0 {
                close(connection)
                connection = -1
            }
            next = address.ai_next
        }
        guard connection >= 0 else { throw failure(String(cString: strerror(errno))) }
        defer { close(connection) }
        let request = Array("GET /\(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n".utf8)
        guard send(connection, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw failure(String(cString: strerror(errno)))
        }
        var answer: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while case let count = recv(connection, &piece, piece.count, 0), count != 0 {
            guard count > 0 else { throw failure(String(cString: strerror(errno))) }
            answer += piece.prefix(count)
            guard answer.count < 1 << 20 else { throw failure("answers without end") }
        }
        return answer.starts(with: Array("HTTP/1.".utf8)) ? String(decoding: answer, as: UTF8.self) : nil
    }

    private func failure(_ what: String) -> ExitCode {
        printError("\(host):\(port): \(what)")
        return .failure
    }
}
