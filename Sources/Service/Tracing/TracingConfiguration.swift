/// Where spans go, by OpenTelemetry's own environment variables; nothing of it is an option of this program, so that it is set as for any other.
/// https://opentelemetry.io/docs/specs/otel/protocol/exporter/
package struct TracingConfiguration: Sendable {
    /// With its path: `http://localhost:4318/v1/traces`.
    package var endpoint: String
    /// `Name: value`.
    var headers: [String] = []
    /// The most that sending a batch may take.
    var timeout: Duration = .seconds(10)
    /// A PEM file of authorities; nil for the system's.
    var authorities: String?
    var sampler: TraceSampler
    /// Attributes of this process.
    var resource: [(name: String, value: String)]

    /// - Returns: nil where no endpoint is set, or tracing is switched off.
    /// - Throws: ``TracingError`` that names the variable and says what it should be.
    package init?(environment: [String: String]) throws(TracingError) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        func traceValue(_ name: String) -> String? { value("OTEL_EXPORTER_OTLP_TRACES_\(name)") ?? value("OTEL_EXPORTER_OTLP_\(name)") }
        guard value("OTEL_SDK_DISABLED")?.lowercased() != "true" else { return nil }
        switch value("OTEL_TRACES_EXPORTER") {
        case nil, "otlp": break
        case "none": return nil
        case let other?: throw TracingError("OTEL_TRACES_EXPORTER must be otlp or none, not '\(other)'")
        }
        if let own = value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            endpoint = own
        } else if let base = value("OTEL_EXPORTER_OTLP_ENDPOINT") {
            endpoint = base + (base.hasSuffix("/") ? "" : "/") + "v1/traces"
        } else {
            return nil
        }
        guard endpoint.wholeMatch(of: /https?:\/\/[^\/\s]+(\/\S*)?/) != nil else {
            throw TracingError("the endpoint of OTLP must be a URL such as http://localhost:4318, not '\(endpoint)'")
        }
        // Collectors take both at the same address, by the content's type.
        if let form = traceValue("PROTOCOL"), !["http/json", "http/protobuf"].contains(form) {
            throw TracingError("OTEL_EXPORTER_OTLP_PROTOCOL must be http/json, which is all that is spoken here, not '\(form)'")
        }
        headers = try Self.pairs("OTEL_EXPORTER_OTLP_HEADERS", traceValue("HEADERS")).map { "\($0.name): \($0.value)" }
        if let text = traceValue("TIMEOUT") {
            guard let number = Int(text), (1...600_000).contains(number) else {
                throw TracingError("OTEL_EXPORTER_OTLP_TIMEOUT must be from 1 to 600000 milliseconds, not '\(text)'")
            }
            timeout = .milliseconds(number)
        }
        authorities = traceValue("CERTIFICATE")
        sampler = try TraceSampler(name: value("OTEL_TRACES_SAMPLER"), argument: value("OTEL_TRACES_SAMPLER_ARG"))
        var attributes = try Self.pairs("OTEL_RESOURCE_ATTRIBUTES", value("OTEL_RESOURCE_ATTRIBUTES"))
        if let name = value("OTEL_SERVICE_NAME") {
            attributes.removeAll { $0.name == "service.name" }
            attributes.append(("service.name", name))
        }
        for (name, value) in [("service.name", "excite"), ("service.version", Build.version)]
        where !attributes.contains(where: { $0.name == name }) { attributes.append((name, value)) }
        resource = attributes
    }

    /// `name=value,name=value`, percent-encoded (W3C Baggage).
    private static func pairs(_ variable: String, _ text: String?) throws(TracingError) -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        for pair in (text ?? "").split(separator: ",") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
            // The value is not repeated: it may be a key.
            guard sides.count == 2, isToken(sides[0]), let value = percentDecoded(sides[1]) else {
                throw TracingError("\(variable) must be a list of name=value, separated by commas; what is not ASCII is percent-encoded")
            }
            pairs.append((sides[0], value))
        }
        return pairs
    }

    private static func isToken(_ text: String) -> Bool { text.wholeMatch(of: /[A-Za-z0-9!#$%&'*+.^_`|~\-]+/) != nil }

    private static func percentDecoded(_ text: String) -> String? {
        var (bytes, rest): ([UInt8], ArraySlice<UInt8>) = ([], Array(text.utf8)[...])
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let decoded = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return nil }
            bytes.append(decoded)
            rest = rest.dropFirst(2)
        }
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}

/// What is wrong with how tracing is set up.
package struct TracingError: Error, CustomStringConvertible {
    package var description: String
    init(_ description: String) { self.description = description }
}
