/// Which requests are traced, as `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` say:
/// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
package struct TraceSampler: Sendable, Equatable {
    /// Whether the client's own decision stands, where it made one.
    var followsParent: Bool
    /// Of the others, from 0 to 1.
    var ratio: Double

    /// - Throws: ``TracingError`` for what is no sampler.
    init(name: String?, argument: String?) throws(TracingError) {
        let name = name ?? "parentbased_always_on"
        followsParent = name.hasPrefix("parentbased_")
        switch followsParent ? String(name.dropFirst(12)) : name {
        case "always_on": ratio = 1
        case "always_off": ratio = 0
        case "traceidratio":
            guard let argument else {
                ratio = 1
                return
            }
            guard let number = Double(argument), (0...1).contains(number) else {
                throw TracingError("OTEL_TRACES_SAMPLER_ARG must be from 0 to 1, not '\(argument)'")
            }
            ratio = number
        default:
            throw TracingError(
                "OTEL_TRACES_SAMPLER must be always_on, always_off or traceidratio, with parentbased_ before it or without, not '\(name)'")
        }
    }

    /// By the trace's id, so that all who sample by the same ratio take the same traces: the last 8 bytes are random (W3C Trace Context,
    /// level 2, section 3.2.2.3).
    func samples(_ traceID: [UInt8], parent: TraceContext?) -> Bool {
        if followsParent, let parent { return parent.isSampled }
        if ratio >= 1 { return true }
        let number = traceID.suffix(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        return Double(number >> 1) < ratio * 0x1p63
    }
}
