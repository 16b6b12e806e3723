import Foundation
import Glibc
import Testing

@testable import excite

@Suite("Where excite serve listens")
struct ListeningCommandTests {
    private let path = "/tmp/excite-\(UUID().uuidString.prefix(13)).socket"

    private func end(_ served: ServedProgram) throws {
        served.program.signal(SIGTERM)
        #expect(try served.program.exitStatus() == 0)
    }

    /// Whether the server answers here.
    private func probe(_ arguments: [String]) throws -> Bool { try Program(["probe", "--path", "livez"] + arguments).exitStatus() == 0 }

    @Test("on a Unix-domain socket, by option or environment variable, whose path goes with the program")
    func socket() throws {
        let by = [try ServedProgram(["--socket", path]), try ServedProgram(environment: ["EXCITE_SOCKET": "\(path)2"])]
        for (served, path) in zip(by, [path, "\(path)2"]) {
            #expect(served.log.contains { $0["message"] as? String == "listening" && $0["socket"] as? String == path })
            #expect(try probe(["--socket", path]))
            try end(served)
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test("on the path that a killed server left behind, but not on one that another serves, nor on a file")
    func left() throws {
        let killed = try ServedProgram(["--socket", path])
        killed.program.signal(SIGKILL)
        #expect(try killed.program.exitStatus() == -SIGKILL)
        #expect(FileManager.default.fileExists(atPath: path))
        let served = try ServedProgram(["--socket", path])
        #expect(try probe(["--socket", path]))
        let file = Program.executable.path
        for taken in [path, file] {
            let second = try Program(["serve", "--socket", taken])
            #expect(try second.exitStatus() == 1)
            #expect(second.errors.contains("Cannot listen on the socket \(taken): another program listens there, or it is no socket"))
        }
        try end(served)
    }

    @Test("over TLS, by options or environment variables; the port for probes is plain")
    func encrypted() throws {
        let own = try TestCertificate("localhost")
        let by = [
            try ServedProgram(["--tls-certificate", own.certificatePath, "--tls-key", own.keyPath, "--probe-port", "0"]),
            try ServedProgram(
                ["--probe-port", "0"], environment: ["EXCITE_TLS_CERTIFICATE": own.certificatePath, "EXCITE_TLS_KEY": own.keyPath]),
        ]
        for served in by {
            let line = try #require(served.log.first { $0["message"] as? String == "listening" })
            let probePort = try #require(line["probe_port"] as? Int)
            #expect(line["tls"] as? String == "yes")
            #expect(try probe(["--port", "\(served.port)", "--tls"]))
            #expect(try probe(["--port", "\(probePort)"]))
            #expect(throws: HTTPClient.Failure.self) { try served.ask("GET", "/livez") }
            try end(served)
        }
    }

    @Test("not at all where certificate, key and authorities do not go together, and says why")
    func halfTLS() throws {
        let own = try TestCertificate("localhost")
        let other = try TestCertificate("localhost")
        for (arguments, status, message) in [
            (["--tls-certificate", own.certificatePath], 64, "--tls-certificate and --tls-key go together"),
            (["--tls-key", own.keyPath], 64, "--tls-certificate and --tls-key go together"),
            (["--tls-client-ca", own.certificatePath], 64, "--tls-client-ca needs --tls-certificate and --tls-key"),
            (["--tls-certificate", own.certificatePath, "--tls-key", other.keyPath], 1, "is not the key of the first certificate"),
            (["--tls-certificate", "no/file", "--tls-key", own.keyPath], 1, "no/file: cannot be opened"),
        ] as [([String], Int32, String)] {
            let program = try Program(["serve", "--port", "0"] + arguments)
            #expect(try program.exitStatus() == status)
            #expect(program.errors.contains(message), "\(program.errors)")
        }
    }

    @Test("where clients need a certificate, none without one is answered")
    func clients() throws {
        let own = try TestCertificate("localhost")
        let served = try ServedProgram([
            "--tls-certificate", own.certificatePath, "--tls-key", own.keyPath, "--tls-client-ca", own.certificatePath,
        ])
        #expect(try !probe(["--port", "\(served.port)", "--tls"]))
        try end(served)
    }

    @Test("on the socket that systemd hands over, whatever --port says; another process' sockets are none of ours")
    func activated() throws {
        let listener = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        defer { unlink(path) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        try #require(result == 0 && listen(listener, 8) == 0)
        for isOurs in [true, false] {
            let process = Process()
            process.executableURL = URL(filePath: "/bin/sh")
            // The descriptor comes as standard input and becomes the first after standard error's.
            let variables = "LISTEN_FDS=1 LISTEN_PID=\(isOurs ? "$$" : "1")"
            process.arguments = ["-c", "\(variables) exec '\(Program.executable.path)' serve --port 0 3<&0 </dev/null"]
            process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("EXCITE_") }
            process.standardInput = FileHandle(fileDescriptor: listener, closeOnDealloc: false)
            process.standardError = FileHandle.nullDevice
            try process.run()
            defer { if process.isRunning { process.terminate() } }
            let answers = try probe(["--socket", path, "--timeout", isOurs ? "60" : "1"])
            #expect(answers == isOurs)
            process.terminate()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            #expect(FileManager.default.fileExists(atPath: path), "it is who made it that removes it")
        }
    }
}
