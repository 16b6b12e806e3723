import Foundation
import Testing

@testable import HTTPServer

@Suite("Unix-domain and inherited sockets")
struct LocalSocketTests {
    /// Short: a socket's path has up to 107 bytes.
    private let path = "/tmp/excite-\(UUID().uuidString.prefix(13)).socket"

    private func get(_ client: RawClient) throws -> Int {
        try client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        return try client.readAnswer().status
    }

    @Test("serves on a Unix-domain socket, whose clients have no share of one, and removes it")
    func local() throws {
        let test = try TestServer {
            $0.socketPath = path
            $0.connectionsPerClient = 1
        }
        #expect(test.port == 0)
        let clients = try (0..<5).map { _ in try RawClient(path: path) }
        for client in clients { #expect(try get(client) == 200) }
        test.stop()
        #expect(test.completed.allSatisfy { $0.head.clientAddress == "local" })
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("replaces a socket that nobody listens on, and nothing else")
    func stale() throws {
        defer { unlink(path) }
        closeSocket(try bindLocal(path))
        let test = try TestServer { $0.socketPath = path }
        #expect(try get(try RawClient(path: path)) == 200)
        let taken = try #require(throws: ServerError.self) { try bindLocal(path) }
        #expect(taken.message.contains("another program listens there"))
        #expect(try get(try RawClient(path: path)) == 200, "the first one still has it")
        test.stop()
        try "a file".write(toFile: path, atomically: false, encoding: .utf8)
        #expect(throws: ServerError.self) { try bindLocal(path) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "a file")
    }

    @Test("a path that is none says so", arguments: ["", String(repeating: "x", count: 108), "/no/such/folder/socket"])
    func badPath(path: String) {
        #expect(throws: ServerError.self) { try bindLocal(path) }
    }

    @Test("a Unix-domain socket is plain where TLS is spoken")
    func plain() throws {
        let own = try TestCertificate("localhost")
        let tls = try TLSCredentials(certificate: own.certificatePath, key: own.keyPath) { _ in }
        let test = try TestServer {
            $0.socketPath = path
            $0.tls = tls
        }
        #expect(try get(try RawClient(path: path)) == 200)
        test.stop()
    }

    @Test("takes over sockets that listen, and refuses others")
    func inherited() throws {
        let made = try bindLocal(path)
        defer { unlink(path) }
        let test = try TestServer { $0.inheritedSockets = [made] }
        #expect(try get(try RawClient(path: path)) == 200)
        test.stop()
        #expect(FileManager.default.fileExists(atPath: path), "it is who made it that removes it")
        let idle = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { closeSocket(idle) }
        let error = try #require(throws: ServerError.self) { try TestServer { $0.inheritedSockets = [idle] } }
        #expect(error.message.contains("LISTEN_FDS"))
    }
}
