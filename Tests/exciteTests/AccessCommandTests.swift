import Foundation
import Testing

@testable import excite

@Suite("excite key, and a server that asks for one")
struct AccessCommandTests {
    @Test("makes a key that the server takes once its line is in the file, and names it in the log")
    func key() throws {
        let made = try Program(["key", "ann", "--rate", "1000"])
        #expect(try made.exitStatus() == 0)
        let match = try #require(made.output.wholeMatch(of: /key   (excite_[0-9a-f]{64})\nline  (ann [0-9a-f]{64} rate=1000)\n/))
        let folder = try TemporaryFolder()
        try folder.write("bob \(String(repeating: "0", count: 64))\n", to: "keys")
        let served = try ServedProgram(["--api-keys", folder.path("keys")])
        try served.waitForReadiness(200)
        let headers = ["X-Request-Id: the-id", "Authorization: Bearer \(match.1)"]
        #expect(try served.ask("GET", "/models", headers: headers).status == 401)
        try folder.write("\(match.2)\n", to: "keys")
        served.program.signal(SIGHUP)
        #expect(eventually { served.log.contains { $0["message"] as? String == "the keys were read again" } })
        #expect(try served.ask("GET", "/models", headers: headers).status == 200)
        served.program.signal(SIGTERM)
        #expect(try served.program.exitStatus() == 0)
        #expect(served.log.contains { $0["id"] as? String == "the-id" && $0["key"] as? String == "ann" && $0["status"] as? Int == 200 })
        #expect(!served.program.errors.contains(match.1), "no log has a key")
    }

    @Test("ends with 1 where the file of keys cannot be used")
    func broken() throws {
        let program = try Program(["serve", "--port", "0", "--api-keys", "no/such/file"])
        #expect(try program.exitStatus() == 1)
        #expect(program.errors.contains("the keys cannot be read: no/such/file: cannot be opened: No such file or directory"))
    }

    @Test("lets the pages of an origin ask, by option or environment variable")
    func origin() throws {
        let served = try ServedProgram(environment: ["EXCITE_ALLOW_ORIGIN": "https://a.example,https://b.example"])
        let answer = try served.ask("GET", "/livez", headers: ["Origin: https://b.example"])
        #expect(answer.header("Access-Control-Allow-Origin") == "https://b.example")
        served.program.signal(SIGTERM)
        #expect(try served.program.exitStatus() == 0)
    }
}
