import Foundation
import HTTPServer
import Serving

/// The route table: paths and methods to what answers them.
struct Routes: Sendable {
    let state: ServerState
    let metrics: Metrics
    var deadlines = Deadlines()

    /// How long requests may wait; nil for as long as it takes.
    struct Deadlines: Sendable {
        /// Of those that do not say.
        var standard: Duration?
        /// Of all.
        var longest: Duration?

        func limit(_ asked: Duration?) -> Duration? {
            guard let longest else { return asked ?? standard }
            return min(asked ?? standard ?? longest, longest)
        }
    }

    /// An answer at once, or nil if the responder gets it later.
    typealias Handler = @Sendable (Routes, Request, Responder) -> Response?

    static let table: [String: [String: Handler]] = [
        "/classify": ["POST": { $0.classify($1, $2) }],
        "/livez": ["GET": { _, _, _ in .plain(200, "ok\n") }],
        "/readyz": ["GET": { routes, _, _ in routes.readiness() }],
        "/healthz": ["GET": { routes, _, _ in routes.readiness() }],
        "/models": ["GET": { routes, _, _ in routes.models() }],
        "/metrics": ["GET": { routes, _, _ in .metrics(routes.metrics.render()) }],
        "/openapi.json": ["GET": { _, _, _ in .json(Array(OpenAPI.document.utf8)) }],
    ]

    /// The known path, or `other`: paths that clients make up must not become metrics.
    static func label(_ path: String) -> String { table[path] == nil ? "other" : path }

    /// Refuses what cannot be answered as soon as its head is known: the body is then not kept.
    func admit(_ head: RequestHead) -> Response? {
        guard let methods = Self.table[head.path] else { return Problem.notFound(head.path).response }
        let method = head.method == "HEAD" ? "GET" : head.method
        guard methods[method] != nil else {
            var allowed = methods.keys.sorted()
            if methods["GET"] != nil { allowed.append("HEAD") }
            var response = Problem(
                405, "Method not allowed", code: "method_not_allowed",
                "\(head.path) takes \(allowed.joined(separator: ", ")), not \(head.method)"
            ).response
            response.headers.append(("Allow", allowed.joined(separator: ", ")))
            return response
        }
        guard head.path == "/classify" else { return nil }
        guard let pool = state.servingPool else { return Problem(.unavailable).response }
        switch classification(head, pool) {
        case .failure(let problem): return problem.response
        case .success((let request, _)): return pool.refuse(request).map { Problem($0).response }
        }
    }

    func handle(_ request: Request, _ responder: Responder) {
        let method = request.head.method == "HEAD" ? "GET" : request.head.method
        guard let handler = Self.table[request.head.path]?[method] else {
            return responder.respond(Problem.notFound(request.head.path).response)
        }
        if let response = handler(self, request, responder) { responder.respond(response) }
    }

    private func readiness() -> Response {
        state.notReady.map { .plain(503, "\($0)\n") } ?? .plain(200, "ok\n")
    }

    private func models() -> Response {
        guard let pool = state.pool else { return Problem(.unavailable).response }
        return .json { $0.field("models", pool.models) }
    }
}

extension Model: JSONWritable {
    func write(to writer: inout JSONWriter) {
        let shape = plan.inputShape
        writer.object {
            $0.field("name", name)
            $0.field("architecture", source.configuration.name)
            $0.field("input_size", [shape.channels, shape.height, shape.width])
            $0.field("classes", plan.classes)
            $0.field("parameters", source.network.parameterCount)
            $0.field("multiply_accumulates", multiplyAccumulates)
            $0.field("license", source.configuration.license)
        }
    }
}

extension Routes {
    /// What the head of a request to `/classify` asks for; its images come later.
    private func classification(_ head: RequestHead, _ pool: EnginePool) -> Result<(ClassificationRequest, GateDetail?), Problem> {
        guard let first = pool.models.first else { return .failure(Problem(.unavailable)) }
        var request = ClassificationRequest(images: [], model: first, client: head.clientAddress)
        if let name = head.query("model") {
            guard let named = pool.models.first(where: { $0.name == name }) else {
                let names = pool.models.map(\.name).joined(separator: ", ")
                return .failure(Problem(404, "Unknown model", code: "unknown_model", "there is no model '\(name)'; served are: \(names)"))
            }
            request.model = named
        }
        let classes = request.model.plan.classes
        request.top = min(5, classes)
        if let text = head.query("top") {
            guard let number = Int(text), (1...classes).contains(number) else {
                return .failure(.badParameter("top must be from 1 to \(classes), not '\(text)'"))
            }
            request.top = number
        }
        var asked: Duration?
        if let text = head.header("X-Deadline-Ms") {
            guard let number = Int(text), number > 0, number <= 86_400_000 else {
                return .failure(.badParameter("X-Deadline-Ms must be a positive number of milliseconds, not '\(text)'"))
            }
            asked = .milliseconds(number)
        }
        request.deadline = deadlines.limit(asked).map { .now + $0 }
        var gates: GateDetail?
        if let text = head.query("gates"), text != "0" {
            gates = GateDetail(rawValue: text)
            guard gates != nil else { return .failure(.badParameter("gates must be 1 or full, not '\(text)'")) }
        }
        request.wantsGates = gates != nil
        return .success((request, gates))
    }

    /// Hands the images of the request to the pool, which answers it.
    private func classify(_ request: Request, _ responder: Responder) -> Response? {
        guard let pool = state.servingPool else { return Problem(.unavailable).response }
        var classification: ClassificationRequest
        let gates: GateDetail?
        switch self.classification(request.head, pool) {
        case .success(let found): (classification, gates) = found
        case .failure(let problem): return problem.response
        }
        // The raw body, or the form's fields of that name.
        classification.images = request.parts.filter { $0.name == nil || $0.name == "image" }
        guard !classification.images.isEmpty else {
            let detail =
                request.parts.isEmpty
                ? "the request has no body; send the image as the form field 'image' (curl -F image=@cat.jpg) or as the body itself"
                : "the form has no field 'image'; it has: \(request.parts.compactMap(\.name).joined(separator: ", "))"
            return Problem(400, "No image", code: "no_image", detail).response
        }
        let receive = request.received
        classification.deadline = classification.deadline.map { $0 - receive }
        classification.clientHasLeft = request.watch
        let model = classification.model.name
        pool.submit(classification) { results in
            responder.respond(Self.response(Answer(model: model, results: results, receive: receive, gates: gates)))
        }
        return nil
    }

    private static func response(_ answer: Answer) -> Response {
        let results = answer.results
        let failures = results.compactMap { if case .failure(let error) = $0 { Problem(error) } else { nil } }
        // A lone image's error is the request's; so is one that is not the images' fault and hit all of them.
        if let first = failures.first, failures.count == results.count,
            results.count == 1 || [429, 499].contains(first.status) || first.status >= 500
        {
            return first.response
        }
        var response = Response.json(JSONWriter.text(answer))
        response.context = RequestSummary(model: answer.model, results)
        return response
    }
}

extension Part: EncodedImage {}

extension Response {
    static func plain(_ status: Int, _ text: String) -> Response {
        Response(status: status, contentType: "text/plain; charset=utf-8", text: text)
    }

    static func metrics(_ text: String) -> Response {
        Response(status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8", text: text)
    }

    static func json(_ text: [UInt8]) -> Response {
        Response(status: 200, headers: [("Content-Type", "application/json")], body: text + [UInt8(ascii: "\n")])
    }

    /// An object of these fields.
    static func json(_ fields: (inout JSONWriter) -> Void) -> Response {
        var writer = JSONWriter()
        writer.object(fields)
        return .json(writer.bytes)
    }
}
