import Foundation
import HTTPServer
import Testing

@testable import Service

@Suite("The port for who runs the server")
struct AdminPortTests {
    private static let routes: [(method: String, path: String)] = [
        ("GET", "/metrics"), ("POST", "/v2/repository/index"), ("POST", "/v2/repository/models/any/load"),
        ("POST", "/v2/repository/models/any/unload"),
    ]

    private static func isRefused(_ answer: HTTPAnswer) -> Bool { answer.status == 404 || answer.status == 405 }

    @Test("has the administration, which the main port then has no more")
    func moved() throws {
        let service = try TestService(configure: { $0.adminPort = 0 })
        let admin = try #require(service.server.adminPort)
        #expect(admin != service.server.port)
        for (method, path) in Self.routes {
            let body: [UInt8]? = method == "POST" ? [] : nil
            #expect(Self.isRefused(try service.ask(method, path, body: body)), "\(path)")
            #expect(!Self.isRefused(try service.ask(method, path, body: body, port: admin)), "\(path)")
        }
        #expect(try service.get("/metrics").status == 404)
    }

    @Test("is not there unless asked for: everything is at the main port")
    func absent() throws {
        let service = try TestService()
        #expect(service.server.adminPort == nil)
        for (method, path) in Self.routes {
            #expect(!Self.isRefused(try service.ask(method, path, body: method == "POST" ? [] : nil)), "\(path)")
        }
    }

    @Test("answers what the main port answers, too, and has the page with the charts")
    func everything() throws {
        let service = try TestService(configure: { $0.adminPort = 0 })
        let admin = try #require(service.server.adminPort)
        #expect(try service.ask("GET", "/readyz", port: admin).status == 200)
        #expect(try service.ask("POST", "/classify", body: TestImages.jpeg(), port: admin).predictions.count == 5)
        let (plain, full) = (try service.get("/"), try service.ask("GET", "/", port: admin))
        #expect(!plain.text.contains("metrics") && full.text.contains("\"metrics\""))
        #expect(plain.header("ETag") != full.header("ETag"))
    }

    @Test("is moved away from the port for probes, too")
    func probes() throws {
        let service = try TestService(configure: {
            $0.adminPort = 0
            $0.probePort = 0
        })
        let probes = try #require(service.server.probePort)
        #expect(try service.ask("GET", "/livez", port: probes).status == 200)
        #expect(try service.ask("GET", "/metrics", port: probes).status == 404)
    }

    @Test("answers when the main port has no connection left")
    func full() throws {
        let service = try TestService(configure: {
            $0.adminPort = 0
            $0.connectionLimit = 1
        })
        let admin = try #require(service.server.adminPort)
        let idle = try HTTPClient(port: service.server.port)
        #expect(eventually { service.server.statistics.openConnections == 1 })
        for _ in 0..<3 {
            #expect(try service.ask("GET", "/metrics", port: admin).status == 200)
            #expect(try service.ask("POST", "/v2/repository/index", body: [], port: admin).status == 200)
        }
        withExtendedLifetime(idle) {}
    }

    @Test("asks for keys as the main port does")
    func keys() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID())")
        defer { try? FileManager.default.removeItem(at: file) }
        try APIKey(name: "operator", key: "secret").line.write(to: file, atomically: true, encoding: .utf8)
        let service = try TestService(keys: try APIKeys(path: file.path), configure: { $0.adminPort = 0 })
        let admin = try #require(service.server.adminPort)
        #expect(try service.ask("GET", "/livez", port: admin).status == 200)
        #expect(try service.ask("GET", "/metrics", port: admin).status == 401)
        #expect(try service.ask("GET", "/metrics", headers: ["X-Api-Key: secret"], port: admin).status == 200)
    }
}
