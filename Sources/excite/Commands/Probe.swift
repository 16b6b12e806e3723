import ArgumentParser
import CCURL
import HTTPClient

struct Probe: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask a server whether it is ready: exits with 0 if it is, with 1 if not.",
        discussion: "For a container's health check, which then needs no other program.")

    @Option(help: "The server's host.")
    var host: String = environment("probe-host", default: "127.0.0.1")

    @Option(help: "The server's port.")
    var port: UInt16 = environment("port", default: 8080)

    @Option(help: "livez, readyz or healthz.")
    var path: String = environment("probe-path", default: "healthz")

    @Option(help: "How long to wait for the answer, in seconds.")
    var timeout: Double = environment("probe-timeout", default: 2)

    func validate() throws {
        guard timeout > 0, timeout <= 3600 else { throw ValidationError("--timeout must be above 0 and at most 3,600 seconds.") }
    }

    func run() throws {
        let (status, body): (Int, String)
        do {
            (status, body) = try get()
        } catch let error as TransferFailure {
            printError("\(host):\(port)\(Self.reason(error))")
            throw ExitCode.failure
        } catch is EndlessAnswer {
            printError("\(host):\(port): answers without end")
            throw ExitCode.failure
        }
        printText("\(status) \(body.hasSuffix("\n") ? String(body.dropLast()) : body)")
        guard status == 200 else { throw ExitCode.failure }
    }

    private struct EndlessAnswer: Error {}

    private func get() throws -> (status: Int, body: String) {
        let transfer = try Transfer(url: "http://\(host.contains(":") ? "[\(host)]" : host):\(port)/\(path)")
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

    private static func reason(_ failure: TransferFailure) -> String {
        switch failure.code {
        case CURLE_COULDNT_RESOLVE_HOST: ": the host cannot be resolved"
        case CURLE_OPERATION_TIMEDOUT: ": no answer in time"
        case CURLE_GOT_NOTHING, CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY: " did not answer in HTTP"
        default: ": \(failure.reason)"
        }
    }
}
