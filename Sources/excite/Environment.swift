import ArgumentParser
import Foundation

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
func environment(_ option: String) -> [String] {
    environmentText(option).map { $0.split(separator: ",").map(String.init) } ?? []
}

private func environmentName(_ option: String) -> String {
    "EXCITE_\(option.uppercased().replacingOccurrences(of: "-", with: "_"))"
}

private func environmentText(_ option: String) -> String? {
    guard let text = ProcessInfo.processInfo.environment[environmentName(option)], !text.isEmpty else { return nil }
    // Not ours: beside a Service named `excite`, Kubernetes gives every container EXCITE_PORT=tcp://10.0.0.1:80 (a service link).
    return text.hasPrefix("tcp://") || text.hasPrefix("udp://") ? nil : text
}

private func exitForEnvironment(_ option: String, _ what: String) -> Never {
    Excite.exit(withError: ValidationError("The environment variable \(environmentName(option)) (--\(option)): \(what)."))
}
