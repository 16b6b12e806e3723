import CCURL
import HubTesting
import Testing

@testable import HTTPClient

@Suite("A transfer")
struct TransferTests {
    private func transfer(_ server: SocketServer, keepsHeaders: Bool = false) throws -> Transfer {
        let transfer = try Transfer(url: "http://127.0.0.1:\(server.port)/x", keepsHeaders: keepsHeaders)
        try transfer.set(CURLOPT_PROXY, "")
        return transfer
    }

    @Test("brings status, headers and body, one request after another")
    func whole() throws {
        let server = try SocketServer { request in
            .init(request.headers["x-a"] == nil ? 404 : 200, headers: ["X-B": " b c "], body: Array("body".utf8))
        }
        let transfer = try transfer(server, keepsHeaders: true)
        var body: [UInt8] = []
        transfer.onBody = { body += $0 }
        try transfer.perform()
        #expect(transfer.status == 404)
        #expect(transfer.answers.map { $0["x-b"] } == ["b c"])
        try transfer.setHeaders(["X-A: 1"])
        try transfer.perform()
        #expect(transfer.status == 200)
        #expect(transfer.answers.count == 1)
        #expect(body == Array("bodybody".utf8))
    }

    @Test("ends with what its receiver throws")
    func receiverThrows() throws {
        struct Enough: Error {}
        let server = try SocketServer { _ in .init(200, body: [UInt8](repeating: 1, count: 100_000)) }
        let transfer = try transfer(server)
        transfer.onBody = { _ in throw Enough() }
        #expect(throws: Enough.self) { try transfer.perform() }
        transfer.onBody = { _ in }
        try transfer.perform()
        #expect(transfer.status == 200)
    }

    @Test("says in the system's words why nobody answers")
    func refused() throws {
        // Nobody listens on the first port.
        let transfer = try Transfer(url: "http://127.0.0.1:1/")
        try transfer.set(CURLOPT_PROXY, "")
        let failure = try #require(throws: TransferFailure.self) { try transfer.perform() }
        #expect(failure.code == CURLE_COULDNT_CONNECT)
        #expect(failure.reason == "Connection refused")
    }

    @Test("speaks nothing but HTTP", arguments: ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/"])
    func protocols(url: String) throws {
        let failure = try #require(throws: TransferFailure.self) { try Transfer(url: url).perform() }
        #expect(failure.code == CURLE_UNSUPPORTED_PROTOCOL)
    }

    @Test("does not hold headers without end")
    func headers() throws {
        let server = try SocketServer { _ in
            let lines = (0..<30).map { ("X-\($0)", String(repeating: "a", count: 50_000)) }
            return .init(200, headers: Dictionary(uniqueKeysWithValues: lines))
        }
        #expect(throws: TransferFailure.self) { try transfer(server, keepsHeaders: true).perform() }
    }
}
