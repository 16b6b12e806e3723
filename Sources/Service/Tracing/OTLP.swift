/// Spans as OTLP's JSON has them: protobuf's JSON, but for ids in hexadecimal, enumerations as numbers, and names in lower camel case.
/// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
struct OTLPTraces: JSONWritable {
    var resource: [(name: String, value: String)]
    var traces: [RequestTrace]

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("resourceSpans", [ResourceSpans(traces: self)])
        }
    }

    private struct ResourceSpans: JSONWritable {
        var traces: OTLPTraces

        func write(to writer: inout JSONWriter) {
            let attributes = traces.resource.map { Attribute(name: $0.name, value: .text($0.value)) }
            writer.object { writer in
                writer.field("resource", Fields { $0.field("attributes", attributes) })
                writer.field(
                    "scopeSpans",
                    [
                        Fields { writer in
                            writer.field(
                                "scope",
                                Fields {
                                    $0.field("name", "excite")
                                    $0.field("version", Build.version)
                                })
                            writer.field(
                                "spans", traces.traces.flatMap { trace in trace.spans.map { SpanFields(span: $0, trace: trace) } })
                        }
                    ])
            }
        }
    }

    private struct SpanFields: JSONWritable {
        var span: Span
        var trace: RequestTrace

        func write(to writer: inout JSONWriter) {
            writer.object { writer in
                writer.field("traceId", hexadecimal(trace.traceID))
                writer.field("spanId", hexadecimal(span.id))
                writer.field("traceState", trace.state)
                writer.field("parentSpanId", span.parent.map { hexadecimal($0) })
                // Sampled (W3C Trace Context, section 3.2.2.5).
                writer.field("flags", 1)
                writer.field("name", span.name)
                writer.field("kind", span.kind.rawValue)
                // 64-bit numbers are texts.
                writer.field("startTimeUnixNano", String(span.start))
                writer.field("endTimeUnixNano", String(span.end))
                writer.field("attributes", span.attributes.map { Attribute(name: $0.name, value: $0.value) })
                if span.isError { writer.field("status", Fields { $0.field("code", 2) }) }
            }
        }
    }

    private struct Attribute: JSONWritable {
        var name: String
        var value: Span.Value

        func write(to writer: inout JSONWriter) {
            writer.object { writer in
                writer.field("key", name)
                writer.field(
                    "value",
                    Fields { writer in
                        switch value {
                        case .text(let text): writer.field("stringValue", text)
                        case .number(let number): writer.field("intValue", String(number))
                        }
                    })
            }
        }
    }

    private struct Fields: JSONWritable {
        var fields: (inout JSONWriter) -> Void
        init(_ fields: @escaping (inout JSONWriter) -> Void) { self.fields = fields }
        func write(to writer: inout JSONWriter) { writer.object(fields) }
    }
}
