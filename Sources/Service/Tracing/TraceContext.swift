import HTTPServer

/// Which trace a request belongs to, as its client says: W3C Trace Context, https://www.w3.org/TR/trace-context/.
struct TraceContext: Sendable, Equatable {
    /// 16 bytes, not all zero.
    var traceID: [UInt8]
    /// The client's span: 8 bytes, not all zero.
    var spanID: [UInt8]
    /// Whether the client records the trace.
    var isSampled: Bool
    /// What `tracestate` says, to be handed on as it is.
    var state: String?

    /// Nil where the request has no `traceparent` that holds (section 3.2.2): a new trace begins then.
    init?(_ head: RequestHead) {
        let values = head.headers.filter { $0.name.lowercased() == "traceparent" }
        guard values.count == 1, let parsed = Self(traceparent: values[0].value) else { return nil }
        self = parsed
        let states = head.headers.filter { $0.name.lowercased() == "tracestate" }.map(\.value).joined(separator: ",")
        if !states.isEmpty, states.utf8.count <= 512, states.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { state = states }
    }

    init?(traceparent text: String) {
        let fields = text.split(separator: "-", omittingEmptySubsequences: false)
        guard fields.count >= 4, let version = Self.bytes(fields[0], count: 1), version != [0xFF],
            // A later version may have more fields.
            fields.count == 4 || version != [0], let trace = Self.bytes(fields[1], count: 16), let span = Self.bytes(fields[2], count: 8),
            let flags = Self.bytes(fields[3], count: 1), trace.contains(where: { $0 != 0 }), span.contains(where: { $0 != 0 })
        else { return nil }
        (traceID, spanID, isSampled) = (trace, span, flags[0] & 1 == 1)
    }

    /// Lower case alone, as the specification has it.
    private static func bytes(_ text: Substring, count: Int) -> [UInt8]? {
        guard text.utf8.count == 2 * count, !text.contains(where: \.isUppercase) else { return nil }
        return Service.bytes(hexadecimal: text)
    }

    /// Random and not all zero.
    static func randomID(_ count: Int) -> [UInt8] {
        var id: [UInt8] = []
        while id.count < count { withUnsafeBytes(of: UInt64.random(in: 1 ... .max)) { id += $0.prefix(count - id.count) } }
        return id
    }
}
