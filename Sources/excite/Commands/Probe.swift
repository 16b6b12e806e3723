import ArgumentParser
import CCURL
import HTTPClient

struct Probe: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask a server whether it is ready: exits with 0 if it is, with 1 if not.",
        discussion: """
            For a container's health check, which then needs no other program. It finds the server by the server's own environment \
            variables: EXCITE_PROBE_PORT, else EXCITE_SOCKET, else EXCITE_PORT, there over TLS where EXCITE_TLS_CERTIFICATE is set.
            """)

    @Option(help: "The server's host.")
    var host: String = environment("probe-host", default: "127.0.0.1")

    @Option(help: "The server's port. (default: 8080)")
    var port: UInt16?

    @Option(help: ArgumentHelp("The path of a Unix-domain socket to ask by instead of --host and --port.", valueName: "path"))
    var socket: String?

    @Flag(
        inversion: .prefixedNo,
        help: "Speak TLS. The server's certificate is held against nothing, as by Kubernetes' probes. (default: see above)")
    var tls: Bool?

    @Option(help: "livez, readyz or healthz.")
    var path: String = environment("probe-path", default: "healthz")

    @Option(help: "How long to wait for the answer, in seconds.")
    var timeout: Double = environment("probe-timeout", default: 2)

    func validate() throws {
        guard timeout > 0, timeout <= 3600 else { throw ValidationError("--timeout must be above 0 and at most 3,600 seconds.") }
        guard socket == nil || (port == nil && tls != true) else {
            throw ValidationError("--socket takes the place of --port, and is plain HTTP: give it alone.")
        }
    }

    /// Where the server is asked.
    private enum Place {
        case socket(String)
        case port(UInt16, isEncrypted: Bool)
    }

    private var place: Place {
        if let socket { return .socket(socket) }
        let speaksTLS: Bool = tls ?? environment("tls") ?? ((environment("tls-certificate") as String?) != nil)
        if let port { return .port(port, isEncrypted: speaksTLS) }
        // The server's port for probes is plain.
        if let port: UInt16 = environment("probe-port"), port > 0 { return .port(port, isEncrypted: tls ?? false) }
        if let path: String = environment("socket") { return .socket(path) }
        return .port(environment("port", default: 8080), isEncrypted: speaksTLS)
    }

    func run() throws {
        let place = place
        let (status, body): (Int, String)
        do {
            (status, body) = try get(from: place)
        } catch let error as TransferFailure {
            printError("\(name(of: place))\(reason(error, at: place))")
            throw ExitCode.failure
        } catch is EndlessAnswer {
            printError("\(name(of: place)): answers without end")
            throw ExitCode.failure
        }
        printText("\(status) \(body.hasSuffix("\n") ? String(body.dropLast()) : body)")
        guard status == 200 else { throw ExitCode.failure }
    }

    private struct EndlessAnswer: Error {}

    private func get(from place: Place) throws -> (status: Int, body: String) {
        let transfer: Transfer
        switch place {
        case .socket(let socket):
            transfer = try Transfer(url: "http://localhost/\(path)")
            try transfer.set(CURLOPT_UNIX_SOCKET_PATH, socket)
        case .port(let port, let isEncrypted):
            transfer = try Transfer(url: "\(isEncrypted ? "https" : "http")://\(host.contains(":") ? "[\(host)]" : host):\(port)/\(path)")
            // It is asked whether the server answers, not who it is: its certificate names another host than this one.
            for option in [CURLOPT_SSL_VERIFYPEER, CURLOPT_SSL_VERIFYHOST] { try transfer.set(option, 0) }
        }
        // The server itself is meant, not a proxy before it.
        try transfer.set(CURLOPT_PROXY, "")
        try transfer.set(CURLOPT_TIMEOUT_MS, max(1, Int(timeout * 1000)))
        var body: [UInt8] = []
        transfer.onBody = { bytes in
            guard body.count + bytes.count < 1 << 20 else { throw EndlessAnswer() }
            body += bytes
        }
        try transfer.perform()
        return (transfer.status, String(decoding: body, as: UTF8.self))
    }

    private func name(of place: Place) -> String {
        switch place {
        case .socket(let path): path
        case .port(let port, _): "\(host):\(port)"
        }
    }

    private func reason(_ failure: TransferFailure, at place: Place) -> String {
        switch failure.code {
        case CURLE_COULDNT_RESOLVE_HOST: return ": the host cannot be resolved"
        case CURLE_OPERATION_TIMEDOUT: return ": no answer in time"
        case CURLE_SSL_CONNECT_ERROR: return ": no TLS connection: \(failure.reason); with --tls-client-ca, ask by --probe-port"
        case CURLE_GOT_NOTHING, CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY: return " did not answer in HTTP"
        default: return ": \(failure.reason)"
        }
    }
}
