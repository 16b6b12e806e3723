import ArgumentParser
import FoundationEssentials

/// An option's default: the environment variable of its name (`max-batch` → `EXCITE_MAX_BATCH`) where that is set.
///
/// A value that cannot be read ends the program with the variable's name, as a bad option does.
func environment<Value: ExpressibleByArgument>(_ option: String, default value: Value) -> Value {
    environment(option) ?? value
}

/// The same for an option without a default.
func environment<Value: ExpressibleByArgument>(_ option: String) -> Value? {
    guard let text = environmentText(option) else { return nil }
    guard let value = Value(argument: text) else { exitForEnvironment(option, "'\(text)' is not a valid value") }
    return value
}

/// The same for an option that can be repeated: separated by commas.
func environment<Value: ExpressibleByArgument>(_ option: String) -> [Value] {
    (environmentText(option) ?? "").split(separator: ",").map { text in
        guard let value = Value(argument: String(text)) else { exitForEnvironment(option, "'\(text)' is not a valid value") }
        return value
    }
}

/// The same for a flag: 1 or true sets it, 0 or false does not.
func environmentFlag(_ option: String) -> Bool {
    switch environmentText(option)?.lowercased() {
    case nil, "0", "false": false
    case "1", "true": true
    case let text?: exitForEnvironment(option, "'\(text)' is not 1, true, 0 or false")
    }
}

/// Variables that look like ours and are no option's: misspelt, most likely.
func unknownEnvironmentVariables() throws -> [String] {
    // Read by the engine itself, for experiments.
    var known: Set = ["EXCITE_ISA"]
    func add(_ command: CommandDescription) {
        for argument in command.arguments ?? [] {
            for name in argument.names ?? [] { known.insert(environmentName(name.name)) }
        }
        for command in command.subcommands ?? [] { add(command) }
    }
    // Describing the other commands asks for their options' defaults: one that is not theirs must not end this one.
    let help = $isIgnored.withValue(true) { Excite._dumpHelp() }
    add(try JSONDecoder().decode(HelpDescription.self, from: Data(help.utf8)).command)
    return ProcessInfo.processInfo.environment.filter { name, value in
        name.hasPrefix("EXCITE_") && !known.contains(name) && !isServiceLink(name, value)
    }.keys.sorted()
}

/// What is needed of the parser's own description of the commands.
private struct HelpDescription: Decodable {
    var command: CommandDescription
}

private struct CommandDescription: Decodable {
    var arguments: [Argument]?
    var subcommands: [CommandDescription]?

    struct Argument: Decodable {
        var names: [Name]?
    }
    struct Name: Decodable {
        var name: String
    }
}

/// Not ours: beside a Service named `excite`, Kubernetes gives every container EXCITE_PORT=tcp://10.0.0.1:80, EXCITE_PORT_80_TCP_ADDR,
/// EXCITE_SERVICE_HOST and the like (a service link).
private func isServiceLink(_ name: String, _ value: String) -> Bool {
    value.hasPrefix("tcp://") || value.hasPrefix("udp://") || name.hasPrefix("EXCITE_PORT_") || name.hasPrefix("EXCITE_SERVICE_")
}

/// While commands are described, not run.
@TaskLocal private var isIgnored = false

private func environmentName(_ option: String) -> String { "EXCITE_\(option.uppercased().replacing("-", with: "_"))" }

private func environmentText(_ option: String) -> String? {
    let name = environmentName(option)
    guard !isIgnored, let text = ProcessInfo.processInfo.environment[name], !text.isEmpty else { return nil }
    return isServiceLink(name, text) ? nil : text
}

private func exitForEnvironment(_ option: String, _ what: String) -> Never {
    Excite.exit(withError: ValidationError("The environment variable \(environmentName(option)) (--\(option)): \(what)."))
}
