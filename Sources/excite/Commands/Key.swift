import ArgumentParser
import Service

struct Key: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a key for clients of a server with --api-keys.",
        discussion: """
            Prints the key, which is for the client and written nowhere else, and the line for the file of keys, which holds its SHA-256. \
            The line's limits can be changed there; SIGHUP has the server read the file again.
            """)

    @Argument(help: "Who gets the key, for the log: 1 to 64 letters, digits, '.', '_' or '-'.")
    var name: String

    @Option(help: "The most requests a second, on average; a second's may come at once. (default: no limit)")
    var rate: Double?

    @Option(help: "The most requests at a time that wait for their answers. (default: no limit)")
    var inFlight: Int?

    func validate() throws {
        guard APIKey.isName(name) else {
            throw ValidationError("The name must be 1 to 64 letters, digits, '.', '_' or '-', not '\(name)'.")
        }
        if let limit = requestRate { try require("--rate", limit, above: 0, upTo: 1_000_000, "requests a second") }
        if let limit = requestsInFlight { try require("--in-flight", limit, in: 1...1_000_000) }
    }

    private var requestRate: Double? { rate ?? environment("rate") }
    private var requestsInFlight: Int? { inFlight ?? environment("in-flight") }

    func run() throws {
        let key = APIKey.random()
        printText("key   \(key)")
        printText("line  \(try APIKey(name: name, key: key, rate: requestRate, inFlight: requestsInFlight).line)")
    }
}
