import Foundation
import Testing

@testable import excite

@Suite("excite probe")
struct ProbeCommandTests {
    private func probe(_ port: UInt16, _ arguments: [String] = []) throws -> Program {
        try Program(["probe", "--port", "\(port)", "--timeout", "60"] + arguments)
    }

    @Test("ends with 0 where the server is ready")
    func ready() throws {
        let service = try TestService()
        for arguments in [[], ["--path", "readyz"], ["--path", "livez"], ["--host", "localhost"]] {
            let program = try probe(service.server.port, arguments)
            #expect(try program.exitStatus() == 0, "\(program.errors)")
            #expect(program.output == "200 ok\n")
        }
    }

    @Test("finds the port in the environment, as the server does")
    func environment() throws {
        let service = try TestService()
        let program = try Program(["probe"], environment: ["EXCITE_PORT": "\(service.server.port)", "EXCITE_PROBE_TIMEOUT": "60"])
        #expect(try program.exitStatus() == 0, "\(program.errors)")
    }

    @Test("ends with 1 where it is not, and says why")
    func notReady() throws {
        let service = try TestService(.loading)
        let loading = try probe(service.server.port)
        #expect(try loading.exitStatus() == 1)
        #expect(loading.output == "503 loading the model\n")
        #expect(try probe(service.server.port, ["--path", "livez"]).exitStatus() == 0)
    }

    @Test("ends with 1 where nobody listens, or the host is unknown")
    func nobody() throws {
        var service: TestService? = try TestService(.loading)
        let port = try #require(service?.server.port)
        service = nil
        let program = try probe(port)
        #expect(try program.exitStatus() == 1)
        #expect(program.errors.contains("127.0.0.1:\(port): Connection refused"))
        let unknown = try probe(port, ["--host", "256.0.0.1"])
        #expect(try unknown.exitStatus() == 1)
        #expect(unknown.errors.contains("cannot be resolved"))
    }
}
