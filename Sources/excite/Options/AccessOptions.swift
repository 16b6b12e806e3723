import ArgumentParser
import Service

/// Who may ask the server.
struct AccessOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "An origin, such as https://app.example, whose pages may ask from a browser (CORS); * for all; repeat it for several.",
            valueName: "origin"))
    var allowOrigin: [String] = environment("allow-origin")

    @Option(
        help: ArgumentHelp(
            "A file of keys, one of which every request but a probe has to come with; SIGHUP has it read again. See `excite key`.",
            valueName: "file"))
    var apiKeys: String?

    func validate() throws {
        for origin in allowOrigin where !AllowedOrigins.isOrigin(origin) {
            throw ValidationError(
                "--allow-origin must be an origin as browsers send it, such as https://app.example without a path, or *, not '\(origin)'.")
        }
    }

    var origins: AllowedOrigins { AllowedOrigins(allowOrigin) }

    /// Nil where none are asked for.
    ///
    /// - Throws: `ExitCode` after saying why the file cannot be used.
    var keys: APIKeys? {
        get throws {
            do {
                return try (apiKeys ?? environment("api-keys")).map { try APIKeys(path: $0) }
            } catch let error as APIKeyError {
                printError("\(error)")
                throw ExitCode.failure
            }
        }
    }
}
