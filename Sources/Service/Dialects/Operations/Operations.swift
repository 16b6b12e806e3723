import HTTPServer
import Serving

extension Dialect {
    /// What operators and their machines ask: probes, metrics, what is served and how it is asked.
    ///
    /// - Parameters:
    ///   - others: the dialects that are described beside it.
    ///   - asksForKeys: whether requests need a key, which is described.
    package static func operations(
        readiness: Readiness, metrics: Metrics, beside others: [Dialect], asksForKeys: Bool
    ) -> Dialect {
        let document = Array(APIDescription.document(others.map(\.description) + [.operations], asksForKeys: asksForKeys).utf8)
        func page(
            _ path: PathPattern, isOpen: Bool = false, isAdministrative: Bool = false,
            _ answer: @escaping @Sendable (Call) throws(Problem) -> Response
        ) -> Route {
            Route(method: "GET", path: path, isRoutine: true, isOpen: isOpen, isAdministrative: isAdministrative, action: .page(answer))
        }
        let ready = { @Sendable (_: Call) throws(Problem) in
            readiness.notReady.map { Response.plain(503, "\($0)\n") } ?? .plain(200, "ok\n")
        }
        return Dialect(
            name: "excite",
            routes: [
                page("/livez", isOpen: true) { _ in .plain(200, "ok\n") },
                page("/readyz", isOpen: true, ready),
                page("/healthz", isOpen: true, ready),
                page("/models") { _ throws(Problem) in
                    guard let store = readiness.store else { throw Problem(.unavailable) }
                    return .json { $0.field("models", store.statuses) }
                },
                page("/metrics", isAdministrative: true) { _ in
                    Response(status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8", text: metrics.render())
                },
                page("/openapi.json") { _ in .json(document) },
            ],
            description: .operations, refusal: \.response)
    }
}

extension ModelStatus: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("name", id.name)
            $0.field("version", id.version)
            $0.field("state", state.rawValue)
            $0.field("error", error)
            guard let facts else { return }
            $0.field("architecture", facts.architecture)
            $0.field("input_size", [facts.input.channels, facts.input.height, facts.input.width])
            $0.field("precision", facts.precision.rawValue)
            $0.field("classes", facts.classes)
            $0.field("parameters", facts.parameters)
            $0.field("multiply_accumulates", facts.multiplyAccumulates)
            $0.field("weight_bytes", facts.weightBytes)
            $0.field("license", facts.license)
        }
    }
}
