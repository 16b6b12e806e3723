import Foundation
import HTTPServer
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

    @Test("asks over TLS, by option or where the server's environment says so, and a port for probes as it is")
    func encrypted() throws {
        let own = try TestCertificate("another.example")
        let tls = try TLSCredentials(certificate: own.certificatePath, key: own.keyPath) { _ in }
        let service = try TestService(configure: {
            $0.tls = tls
            $0.probePort = 0
            $0.probePaths = ["/healthz"]
        })
        let (port, probePort) = (service.server.port, try #require(service.server.probePort))
        #expect(try probe(port, ["--tls"]).exitStatus() == 0)
        let variables = ["EXCITE_TLS_CERTIFICATE": own.certificatePath, "EXCITE_PROBE_TIMEOUT": "60"]
        for more in [["EXCITE_PORT": "\(port)"], ["EXCITE_PORT": "1", "EXCITE_PROBE_PORT": "\(probePort)"]] {
            let program = try Program(["probe"], environment: variables.merging(more) { $1 })
            #expect(try program.exitStatus() == 0, "\(program.errors)")
        }
        #expect(try probe(probePort).exitStatus() == 0)
        #expect(try probe(port).exitStatus() == 1, "in plain HTTP")
        let wrong = try probe(probePort, ["--tls"])
        #expect(try wrong.exitStatus() == 1)
        #expect(wrong.errors.contains("no TLS connection"), "\(wrong.errors)")
    }

    @Test("asks by a Unix-domain socket, by option or environment variable")
    func local() throws {
        let path = "/tmp/excite-\(UUID().uuidString.prefix(13)).socket"
        let service = try TestService(configure: { $0.socketPath = path })
        for program in [
            try Program(["probe", "--socket", path, "--timeout", "60"]),
            try Program(["probe"], environment: ["EXCITE_SOCKET": path, "EXCITE_PROBE_TIMEOUT": "60"]),
        ] {
            #expect(try program.exitStatus() == 0, "\(program.errors)")
            #expect(program.output == "200 ok\n")
        }
        withExtendedLifetime(service) {}
        let nobody = try Program(["probe", "--socket", "/no/such/socket"])
        #expect(try nobody.exitStatus() == 1)
        #expect(nobody.errors.contains("/no/such/socket: "), "\(nobody.errors)")
        #expect(try Program(["probe", "--socket", path, "--port", "1"]).exitStatus() == 64)
    }
}
