import Foundation
import Testing
import Threads

@testable import HTTPServer

@Suite("TLS")
struct TLSTests {
    private final class Reports: Sendable {
        let all = Mutex<[String]>([])
        @Sendable func take(_ error: ServerError?) { all.withLock { $0.append(error?.message ?? "read") } }
    }

    private let own: TestCertificate
    private let reports = Reports()

    init() throws { own = try TestCertificate("localhost") }

    private func server(
        clients: TestCertificate? = nil, _ configure: @escaping (inout ServerConfiguration) -> Void = { _ in }
    ) throws -> TestServer {
        let tls = try TLSCredentials(
            certificate: own.certificatePath, key: own.keyPath, clientAuthorities: clients?.certificatePath, report: reports.take)
        return try TestServer {
            $0.tls = tls
            configure(&$0)
        }
    }

    @Test("requests and their bodies arrive over TLS 1.3 and 1.2", arguments: ["TLS1.3", "TLS1.2"])
    func versions(version: String) throws {
        let test = try server()
        let body = noise(3_000_000)
        let answer = try TLSClient(port: test.port, version: version).ask("POST", "/x", body: body)
        #expect(answer.hasPrefix("HTTP/1.1 200 "))
        #expect(answer.contains("part - - - 3000000 \(checksum(body))"))
        let kept = try TLSClient(port: test.port, version: version)
        for index in 0..<20 {
            try kept.send("GET /\(index) HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try kept.read(until: "GET /\(index)").hasPrefix("HTTP/1.1 200 "))
        }
        test.stop()
    }

    @Test("older versions, and clients without TLS, are turned away", arguments: ["TLS1.1", "TLS1.0"])
    func old(version: String) throws {
        let test = try server()
        #expect(throws: GnuTLSFailure.self) { try TLSClient(port: test.port, version: version) }
        let plain = try test.connect()
        try plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(throws: RawClient.Failure.self) { try plain.readAnswer() }
        test.stop()
        #expect(test.completed.isEmpty)
    }

    @Test(
        "a head is held against RFC 9112 as without TLS",
        arguments: [
            "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        ])
    func heads(request: String) throws {
        let test = try server()
        let client = try TLSClient(port: test.port)
        try client.send(request)
        #expect(try client.read().hasPrefix("HTTP/1.1 400 "))
        test.stop()
    }

    @Test("a request that does not arrive in time is answered 408")
    func deadline() throws {
        let test = try server { $0.receiveTimeout = .milliseconds(300) }
        let client = try TLSClient(port: test.port)
        try client.send("GET / HTTP/1.1\r\nHo")
        #expect(try client.read().hasPrefix("HTTP/1.1 408 "))
        test.stop()
    }

    @Test("a handshake that does not go on is cut off")
    func handshakeDeadline() throws {
        let test = try server { $0.receiveTimeout = .milliseconds(300) }
        let client = try test.connect()
        try client.send([0x16, 0x03])
        #expect(try client.isAtEnd())
        test.stop()
    }

    @Test("a body over the limit is answered 413")
    func tooLarge() throws {
        let test = try server { $0.bodyLimit = 2048 }
        let client = try TLSClient(port: test.port)
        let chunk = "1000\r\n" + String(repeating: "x", count: 4096) + "\r\n"
        try client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(chunk)")
        #expect(try client.read().hasPrefix("HTTP/1.1 413 "))
        test.stop()
    }

    @Test("a replaced certificate is taken, and open connections stay; one without its key is not taken")
    func replaced() throws {
        let test = try server()
        let kept = try TLSClient(port: test.port)
        let old = kept.serverCertificate
        let other = try TestCertificate("localhost")
        try own.write(certificate: other)
        #expect(eventually { (try? TLSClient(port: test.port).serverCertificate) != old || !reports.all.withLock(\.isEmpty) })
        #expect(try TLSClient(port: test.port).serverCertificate == old)
        #expect(reports.all.withLock { $0.first }?.contains("is not the key") == true)
        try own.write(certificate: other, key: other)
        #expect(eventually { reports.all.withLock { $0.last } == "read" || (try? TLSClient(port: test.port)) == nil })
        #expect(try TLSClient(port: test.port).serverCertificate != old)
        #expect(try kept.ask("GET", "/kept").contains("GET /kept"))
        test.stop()
    }

    @Test("where clients need a certificate, only one of the authorities' will do", arguments: ["TLS1.3", "TLS1.2"])
    func clients(version: String) throws {
        let authority = try TestCertificate("authority")
        let test = try server(clients: authority)
        let ann = try TestCertificate("ann", issuer: authority)
        #expect(try TLSClient(port: test.port, version: version, certificate: ann).ask("GET", "/x").hasPrefix("HTTP/1.1 200 "))
        for certificate in [nil, try TestCertificate("bob"), try TestCertificate("eve", issuer: try TestCertificate("authority"))] {
            // In TLS 1.3 the client hears of it only after its handshake.
            let answer = try? TLSClient(port: test.port, version: version, certificate: certificate).ask("GET", "/x")
            #expect(answer == nil || answer == "")
        }
        test.stop()
        #expect(test.completed.count == 1)
    }

    @Test("the port for probes is plain")
    func probes() throws {
        let test = try server {
            $0.probePort = 0
            $0.probePaths = ["/livez"]
        }
        let client = try RawClient(port: try #require(test.server.probePort))
        try client.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try client.readAnswer().status == 200)
        #expect(try TLSClient(port: test.port).ask("GET", "/x").hasPrefix("HTTP/1.1 200 "))
        test.stop()
    }

    @Test("files that cannot be used say why")
    func broken() throws {
        let other = try TestCertificate("other")
        func message(_ certificate: String, _ key: String, _ authorities: String? = nil) throws -> String {
            try #require(throws: ServerError.self) {
                try TLSCredentials(certificate: certificate, key: key, clientAuthorities: authorities) { _ in }
            }.message
        }
        #expect(try message("no/file", own.keyPath).contains("no/file: cannot be opened"))
        #expect(try message(own.keyPath, own.keyPath).contains("no certificate"))
        #expect(try message(own.certificatePath, own.certificatePath).contains("no private key"))
        #expect(try message(own.certificatePath, other.keyPath).contains("is not the key"))
        #expect(try message(own.certificatePath, own.keyPath, own.keyPath).contains("holds no certificate"))
    }
}
