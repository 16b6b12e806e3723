import Foundation
import Testing

@testable import HTTPServer
@testable import Service

@Suite("API keys")
struct APIKeyTests {
    /// A file of keys that goes with the test.
    private final class KeyFile {
        let path = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID().uuidString)").path
        init(_ text: String) throws { try write(text) }
        deinit { try? FileManager.default.removeItem(atPath: path) }
        func write(_ text: String) throws { try text.write(toFile: path, atomically: true, encoding: .utf8) }
    }

    private func line(_ name: String, rate: Double? = nil, inFlight: Int? = nil) throws -> String {
        try APIKey(name: name, key: "key-of-\(name)", rate: rate, inFlight: inFlight).line + "\n"
    }

    private let bearer = ["Authorization: Bearer key-of-ann"]

    @Test("a request needs a key, whatever it asks for; a probe needs none")
    func needed() throws {
        let file = try KeyFile("# ours\n\n" + line("ann"))
        let service = try TestService(keys: try APIKeys(path: file.path))
        let jpeg = try TestImages.jpeg()
        for answer in [try service.get("/models"), try service.get("/metrics"), try service.get("/made/up"), try service.post(jpeg)] {
            expectProblem(answer, 401, code: "unauthorized")
            #expect(answer.header("WWW-Authenticate") == "Bearer realm=\"excite\"")
        }
        for path in ["/livez", "/readyz", "/healthz"] { #expect(try service.get(path).status == 200) }
        for header in bearer + ["authorization: bearer  key-of-ann", "X-Api-Key: key-of-ann"] {
            #expect(try service.post(headers: [header], jpeg).status == 200, "\(header)")
            #expect(try service.ask("GET", "/models", headers: [header]).status == 200)
        }
    }

    private static let probes: Set = ["/livez", "/readyz", "/healthz", "/v2/health/live", "/v2/health/ready", "/ping"]
    private static let page: Set = ["/", "/page.js", "/page.jpg"]

    @Test("every route of every dialect but the probes needs a key, says so in its own words, and a page of an allowed origin reads it")
    func everyRoute() throws {
        let file = try KeyFile(line("ann"))
        let service = try TestService(origins: AllowedOrigins(["https://app.example"]), keys: try APIKeys(path: file.path))
        #expect(service.gateway.methods.count > 30)
        let page = "Origin: https://app.example"
        for (path, methods) in service.gateway.methods {
            let target = path.replacing(/{[a-z]+}/, with: "seresnet18.tiny")
            for method in methods {
                let answer = try service.ask(method, target, headers: [page])
                let isOpen = Self.probes.contains(path) || method == "GET" && Self.page.contains(path)
                #expect((answer.status == 401) != isOpen, "\(method) \(target): \(answer.status)")
                #expect(answer.header("Access-Control-Allow-Origin") == "https://app.example", "\(method) \(target)")
                if answer.status == 401 { #expect(answer.text.contains("this server asks for a key"), "\(answer.text)") }
                #expect(try service.ask(method, target, headers: bearer).status != 401, "\(method) \(target)")
                let question = try service.ask("OPTIONS", target, headers: [page, "Access-Control-Request-Method: \(method)"])
                #expect(question.status == 204, "\(method) \(target)")
                #expect(question.header("Access-Control-Allow-Methods")?.contains(method) == true)
            }
        }
        #expect(Self.probes.union(Self.page).isSubset(of: service.gateway.methods.keys))
    }

    @Test("the description of the interface says what needs a key, and how it is sent")
    func described() throws {
        let file = try KeyFile(line("ann"))
        let service = try TestService(keys: try APIKeys(path: file.path))
        let json = try service.ask("GET", "/openapi.json", headers: bearer).json
        let schemes = ((json["components"] as? [String: Any])?["securitySchemes"] as? [String: [String: String]]) ?? [:]
        #expect(schemes["bearer"]?["scheme"] == "bearer" && schemes["key"]?["name"] == "X-Api-Key")
        #expect((json["security"] as? [[String: Any]])?.map(\.keys.first) == ["bearer", "key"])
        for (path, methods) in try #require(json["paths"] as? [String: [String: [String: Any]]]) {
            for (method, operation) in methods {
                let responses = try #require(operation["responses"] as? [String: Any])
                let isOpen = Self.probes.contains(path) || method == "get" && Self.page.contains(path)
                #expect(((operation["security"] as? [Any])?.isEmpty == true) == isOpen, "\(method) \(path)")
                #expect((responses["401"] != nil && responses["429"] != nil) != isOpen, "\(method) \(path)")
            }
        }
        #expect(try TestService().get("/openapi.json").json["security"] == nil, "a server that asks for none says so")
    }

    @Test(
        "a wrong key is refused, and told that it is one",
        arguments: [
            "Authorization: Bearer key-of-bob", "X-Api-Key: key-of-an", "X-Api-Key: key-of-annn", "X-Api-Key: ",
            "Authorization: Bearer ", "Authorization: Basic a2V5LW9mLWFubg==", "X-Api-Key: ann",
        ])
    func wrong(header: String) throws {
        let file = try KeyFile(line("ann"))
        let service = try TestService(keys: try APIKeys(path: file.path))
        let answer = try service.post(headers: [header], try TestImages.jpeg())
        expectProblem(answer, 401, code: "unauthorized")
        #expect(answer.header("WWW-Authenticate")?.hasPrefix("Bearer realm=\"excite\"") == true)
    }

    @Test("a wrong key is refused before a large body is read")
    func early() throws {
        let file = try KeyFile(line("ann"))
        let service = try TestService(keys: try APIKeys(path: file.path))
        let client = try HTTPClient(port: service.server.port)
        // Nothing of the body is sent.
        client.send("POST", "/classify", headers: ["X-Api-Key: no", "Content-Length: 12000000"])
        #expect(try client.read().status == 401)
    }

    @Test("the file is read again; one that does not hold changes nothing")
    func reload() throws {
        let file = try KeyFile(line("bob"))
        let keys = try APIKeys(path: file.path)
        let service = try TestService(keys: keys)
        #expect(try service.ask("GET", "/models", headers: bearer).status == 401)
        try file.write(line("ann"))
        #expect(try keys.reload() == 1)
        #expect(try service.ask("GET", "/models", headers: bearer).status == 200)
        for broken in ["ann abc", ""] {
            try file.write(broken)
            #expect(throws: APIKeyError.self) { try keys.reload() }
            #expect(try service.ask("GET", "/models", headers: bearer).status == 200)
        }
    }

    @Test("a page's question needs no key, and its request does")
    func origins() throws {
        let file = try KeyFile(line("ann"))
        let service = try TestService(origins: AllowedOrigins(["*"]), keys: try APIKeys(path: file.path))
        let page = "Origin: https://app.example"
        #expect(try service.ask("OPTIONS", "/classify", headers: [page, "Access-Control-Request-Method: POST"]).status == 204)
        let answer = try service.post(headers: [page], try TestImages.jpeg())
        #expect(answer.status == 401)
        #expect(answer.header("Access-Control-Allow-Origin") == "*")
    }

    @Test("a key asks as often as it may, and gets more with time")
    func rate() throws {
        let file = try KeyFile(line("ann", rate: 2) + line("bob"))
        let keys = try APIKeys(path: file.path)
        let now = ContinuousClock.now
        func admit(_ name: String, after seconds: Double) throws -> Problem? {
            do throws(Problem) {
                try keys.admit(head("key-of-\(name)"), at: now + .seconds(seconds))
                return nil
            } catch { return error }
        }
        #expect(try admit("ann", after: 0) == nil)
        #expect(try admit("ann", after: 0) == nil)
        let refused = try #require(try admit("ann", after: 0.25))
        #expect(refused.status == 429 && refused.code == "key_rate")
        #expect(refused.headers.contains { $0 == ("Retry-After", "1") })
        #expect(try admit("ann", after: 0.5) == nil)
        #expect(try admit("ann", after: 0.5)?.code == "key_rate")
        for _ in 0..<100 { #expect(try admit("bob", after: 0.5) == nil) }
        // However long it was silent, a second's.
        #expect(try (0..<10).filter { _ in try admit("ann", after: 1000) == nil }.count == 2)
    }

    @Test("a key has as many requests in flight as it may, and another's do not count")
    func inFlight() throws {
        let file = try KeyFile(line("ann", inFlight: 1) + line("bob"))
        let service = try TestService(keys: try APIKeys(path: file.path))
        let gate = try service.holdDecoder()
        let jpeg = try TestImages.jpeg()
        let clients = try ["ann", "bob", "bob"].map { name in
            let client = try HTTPClient(port: service.server.port)
            client.send("POST", "/classify", headers: ["X-Api-Key: key-of-\(name)"], body: jpeg)
            return client
        }
        #expect(eventually { service.waiting == 3 })
        let refused = try service.post(headers: bearer, jpeg)
        expectProblem(refused, 429, code: "key_in_flight")
        #expect(refused.header("Retry-After") == "1")
        gate.open()
        for client in clients { #expect(try client.read().status == 200) }
        // A flight ends before its answer goes out.
        for _ in 0..<5 { #expect(try service.post(headers: bearer, jpeg).status == 200) }
    }

    @Test("a request's key is found by name")
    func name() throws {
        let file = try KeyFile(line("ann"))
        let keys = try APIKeys(path: file.path)
        #expect(keys.key(of: head("key-of-ann"))?.name == "ann")
        #expect(keys.key(of: head("key-of-bob")) == nil)
    }

    @Test(
        "a file that does not hold says where",
        arguments: [
            ("", "holds no key"), ("ann", "line 1: after the name 'ann'"), ("# x\nann 12", "line 2"),
            ("a/b 12", "line 1: does not begin with a name"),
            ("ann \(String(repeating: "0", count: 63))g", "line 1"), ("ann \(String(repeating: "0", count: 64)) fast", "'fast'"),
            ("ann \(String(repeating: "0", count: 64)) rate=0", "'rate=0'"),
            ("ann \(String(repeating: "0", count: 64))\nann \(String(repeating: "1", count: 64))", "line 2: the name 'ann' is there twice"),
            ("ann \(String(repeating: "0", count: 64)) in-flight=many", "'in-flight=many'"),
            (
                "ann \(String(repeating: "0", count: 64))\nbob \(String(repeating: "0", count: 64))",
                "line 2: the key of 'bob' is that of 'ann'"
            ),
            (String(repeating: "#", count: 1 << 20), "is larger than such a file may be"),
        ])
    func broken(text: String, message: String) throws {
        let file = try KeyFile(text)
        let error = try #require(throws: APIKeyError.self) { try APIKeys(path: file.path) }
        #expect(error.description.contains(message), "\(error)")
    }

    @Test(
        "no error repeats a key that stands where it should not",
        arguments: ["KEY", "KEY ann", "ann KEY", "ann HASH KEY", "ann HASH rate=KEY"])
    func misplaced(text: String) throws {
        let key = APIKey.random()
        let file = try KeyFile(text.replacing("KEY", with: key).replacing("HASH", with: String(repeating: "0", count: 64)))
        let error = try #require(throws: APIKeyError.self) { try APIKeys(path: file.path) }
        #expect(!error.description.contains(key.prefix(24)), "\(error)")
    }

    @Test("a key's line is what the file reads; SHA-256 is the standard's")
    func lines() throws {
        let key = try APIKey(name: "ann", key: "abc", rate: 2.5, inFlight: 3)
        // FIPS 180-4's example.
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(key.line == "ann \(digest) rate=2.5 in-flight=3")
        #expect(try APIKey(line: key.line) == key)
        #expect(APIKey.random() != APIKey.random())
        #expect(APIKey.random().wholeMatch(of: /excite_[0-9a-f]{64}/) != nil)
    }

    private func head(_ key: String) -> RequestHead {
        RequestHead(
            method: "GET", path: "/models", query: [], headers: [("X-Api-Key", key)], contentLength: nil, clientAddress: "127.0.0.1",
            began: .now)
    }
}
