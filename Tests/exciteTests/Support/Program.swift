import Foundation
import Testing

/// The built program as a process of its own.
final class Program {
    /// Beside the tests in the build folder.
    static let executable = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(path: "excite")

    private let process = Process()
    private let folder: TemporaryFolder
    private let models: [TinyModel]

    /// - Parameters:
    ///   - models: given with `--model`, and kept as long as the program.
    ///   - environment: `EXCITE_…` variables; those of the tests' own environment are not passed on.
    init(_ arguments: [String], models: [TinyModel] = [], environment: [String: String] = [:], input: [UInt8] = []) throws {
        folder = try TemporaryFolder()
        self.models = models
        // Files rather than pipes: no output ever blocks the program.
        for name in ["output", "errors"] { try folder.write("", to: name) }
        try folder.write(Data(input), to: "input")
        process.executableURL = Self.executable
        process.arguments = try arguments + models.flatMap { ["--model", try $0.path] }
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("EXCITE_") }.merging(environment) { $1 }
        process.standardInput = try FileHandle(forReadingFrom: folder.url.appending(path: "input"))
        process.standardOutput = try FileHandle(forWritingTo: folder.url.appending(path: "output"))
        process.standardError = try FileHandle(forWritingTo: folder.url.appending(path: "errors"))
        try process.run()
    }

    deinit {
        if process.isRunning { signal(SIGKILL) }
    }

    var output: String { read("output") }
    var errors: String { read("errors") }
    var isRunning: Bool { process.isRunning }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Waits for the program to end, and gives its exit status; negative if a signal ended it.
    func exitStatus() throws -> Int32 {
        try #require(eventually { !process.isRunning }, "the program does not end: \(errors)")
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    private func read(_ name: String) -> String { (try? String(contentsOfFile: folder.path(name), encoding: .utf8)) ?? "" }
}

/// `excite serve` on a free port.
final class ServedProgram {
    let program: Program
    let port: UInt16

    init(_ arguments: [String] = [], models: [TinyModel] = [], environment: [String: String] = [:]) throws {
        let common = ["serve", "--port", "0", "--threads", "2", "--log-format", "json", "--log-level", "debug"]
        let program = try Program(common + arguments, models: models, environment: environment)
        self.program = program
        var port: UInt16?
        _ = eventually {
            port = Self.log(program).first { $0["message"] as? String == "listening" }.flatMap { $0["port"] as? Int }.map { UInt16($0) }
            return port != nil || !program.isRunning
        }
        self.port = try #require(port, "the server does not listen: \(program.errors)")
    }

    /// The lines of its log so far.
    var log: [[String: Any]] { Self.log(program) }

    private static func log(_ program: Program) -> [[String: Any]] {
        program.errors.split(separator: "\n").compactMap { (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any] }
    }

    func ask(_ method: String, _ target: String, headers: [String] = [], body: [UInt8]? = nil) throws -> HTTPAnswer {
        let client = try HTTPClient(port: port)
        client.send(method, target, headers: headers, body: body)
        return try client.read()
    }

    /// Waits until `/readyz` has this status, and gives its text.
    @discardableResult
    func waitForReadiness(_ status: Int, _ text: String = "") throws -> String {
        var answer: HTTPAnswer?
        _ = try eventually {
            answer = try ask("GET", "/readyz")
            return answer?.status == status && answer?.text.hasPrefix(text) == true
        }
        let found = try #require(answer)
        try #require(found.status == status, "\(found.text)")
        return found.text
    }
}
