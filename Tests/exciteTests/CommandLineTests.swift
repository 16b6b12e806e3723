import Foundation
import Testing

@Suite("The command line")
struct CommandLineTests {
    private static let commands = [
        "serve", "classify", "embed", "evaluate", "explain", "gates", "pull", "import", "models", "preprocess", "forward", "bench",
        "inspect", "load", "probe", "quantize", "key",
    ]

    @Test("--help lists the commands, and each command's options")
    func help() throws {
        let program = try Program(["--help"])
        #expect(try program.exitStatus() == 0)
        for command in Self.commands {
            #expect(program.output.contains(command))
            let help = try Program([command, "--help"])
            #expect(try help.exitStatus() == 0)
            #expect(help.output.contains("USAGE: excite \(command)"))
        }
    }

    @Test("--version gives a version")
    func version() throws {
        let program = try Program(["--version"])
        #expect(try program.exitStatus() == 0)
        #expect(program.output.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
    }

    @Test(
        "a bad option is an error of usage that names it",
        arguments: [
            (["--nonsense"], "--nonsense"), (["dance"], "dance"), (["classify"], "image"), (["forward", "--input", "x"], "--output"),
            (["serve", "--port", "abc"], "'abc'"), (["serve", "--port", "65536"], "'65536'"), (["serve", "--log-format", "xml"], "'xml'"),
            (["serve", "--max-batch", "0"], "--max-batch must be from 1 to 1,024"), (["serve", "--queue", "0"], "--queue must be"),
            (["classify", "x.jpg", "--threads", "0"], "--threads must be"), (["bench", "--size", "7"], "'7'"),
            (["bench", "--batch", "0"], "--batch must be"), (["bench", "--seconds", "0"], "--seconds must be"),
            (["inspect", "--batch", "0"], "--batch must be"), (["inspect", "--batch", "9223372036854775807"], "--batch must be"),
            (["preprocess", "x.jpg", "--repeat=-1"], "--repeat must be"), (["serve", "--max-pixels", "0"], "--max-pixels must be"),
            (["classify", "x.jpg", "--exif", "maybe"], "'maybe'"), (["serve", "--decode-timeout", "0"], "--decode-timeout must be"),
            (["probe", "--timeout", "0"], "--timeout must be"), (["load", "http://localhost"], "--rate or --closed"),
            (["load", "http://localhost", "--rate", "0"], "--rate must be"),
            (["load", "http://localhost", "--closed", "1", "--leave", "2"], "--leave must be"), (["evaluate"], "images"),
            (["evaluate", "x", "--batch", "0"], "--batch must be"), (["serve", "--precision", "auto"], "'auto'"),
            (["serve", "--tls-certificate", "x"], "--tls-key go together"), (["serve", "--tls-client-ca", "x"], "--tls-client-ca needs"),
            (["serve", "--allow-origin", "app.example"], "'app.example'"), (["key", "a b"], "'a b'"),
            (["key", "a", "--rate", "0"], "--rate must be"), (["key", "a", "--in-flight", "0"], "--in-flight must be"),
        ])
    func badOption(arguments: [String], message: String) throws {
        let program = try Program(arguments)
        #expect(try program.exitStatus() == 64)
        #expect(program.errors.contains(message), "\(program.errors)")
        #expect(program.output.isEmpty)
    }

    @Test("an environment variable is an option's default")
    func environment() throws {
        let program = try Program(
            ["inspect", "--format", "json"], environment: ["EXCITE_MODEL": "seresnet18", "EXCITE_FORMAT": "text", "EXCITE_SIZE": ""])
        #expect(try program.exitStatus() == 0)
        #expect(program.output.hasPrefix("{"), "the option wins")
        #expect(program.output.contains(#""name":"seresnet18""#))
    }

    @Test(
        "an environment variable that makes no sense is an error of usage that names it",
        arguments: [
            ("EXCITE_PORT", "abc", ["serve"]), ("EXCITE_QUEUE", "many", ["serve"]), ("EXCITE_LOG_LEVEL", "loud", ["serve"]),
            ("EXCITE_THREADS", "two", ["classify", "x.jpg"]), ("EXCITE_PRECISION", "f16", ["classify", "x.jpg"]),
            ("EXCITE_FORMAT", "xml", ["bench"]),
        ])
    func badEnvironment(name: String, value: String, command: [String]) throws {
        let program = try Program(command, environment: [name: value])
        #expect(try program.exitStatus() == 64)
        #expect(program.errors.contains("\(name) "), "\(program.errors)")
        #expect(program.errors.contains("'\(value)' is not a valid value"), "\(program.errors)")
    }

    @Test("the service links that Kubernetes sets are no options")
    func serviceLinks() throws {
        let links = ["EXCITE_PORT": "tcp://10.0.0.1:80", "EXCITE_SERVICE_HOST": "10.0.0.1", "EXCITE_PORT_80_TCP": "tcp://10.0.0.1:80"]
        let program = try Program(["probe", "--host", "256.0.0.1"], environment: links)
        #expect(try program.exitStatus() == 1)
        #expect(program.errors.contains("256.0.0.1:8080"), "\(program.errors)")
    }
}
