import Foundation
import HTTPServer
import SENet
import Serving
import Synchronization

/// The route table: paths and methods to what answers them.
struct Routes: Sendable {
    let state: ServerState
    let metrics: Metrics
    let deadline: Duration?

    /// An answer at once, or nil if the responder gets it later.
    private typealias Handler = @Sendable (Routes, Request, Responder) -> Response?

    private static let table: [String: [String: Handler]] = [
        "/classify": ["POST": { $0.classify($1, $2) }],
        "/livez": ["GET": { _, _, _ in .plain(200, "ok\n") }],
        "/readyz": ["GET": { routes, _, _ in routes.readiness() }],
        "/healthz": ["GET": { routes, _, _ in routes.readiness() }],
        "/models": ["GET": { routes, _, _ in routes.models() }],
        "/metrics": ["GET": { routes, _, _ in .metrics(routes.metrics.render()) }],
    ]

    /// The known path, or `other`: paths that clients make up must not become metrics.
    static func label(_ path: String) -> String { table[path] == nil ? "other" : path }

    /// Refuses what cannot be answered as soon as its head is known: the body is then never read.
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
        switch parameters(head, pool) {
        case .failure(let problem): return problem.response
        case .success: return nil
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
        struct Row: Encodable {
            var name: String
            var architecture: String
            var inputSize: [Int]
            var classes: Int
            var parameters: Int
            var multiplyAccumulates: Int
            var license: String?
        }
        guard let pool = state.pool else { return Problem(.unavailable).response }
        let rows = pool.models.map { model in
            Row(
                name: model.name, architecture: model.source.configuration.name,
                inputSize: [model.plan.inputShape.channels, model.plan.inputShape.height, model.plan.inputShape.width],
                classes: model.plan.classes, parameters: model.source.network.parameterCount,
                multiplyAccumulates: model.multiplyAccumulates, license: model.source.configuration.license)
        }
        return .json(["models": rows])
    }
}

extension Routes {
    /// What a request to `/classify` asks for besides its images.
    private struct Parameters {
        var model: Model
        var top: Int
        var wait: Duration?
    }

    private func parameters(_ head: RequestHead, _ pool: EnginePool) -> Result<Parameters, Problem> {
        guard let first = pool.models.first else { return .failure(Problem(.unavailable)) }
        var model = first
        if let name = head.query("model") {
            guard let named = pool.models.first(where: { $0.name == name }) else {
                let names = pool.models.map(\.name).joined(separator: ", ")
                return .failure(Problem(404, "Unknown model", code: "unknown_model", "there is no model '\(name)'; served are: \(names)"))
            }
            model = named
        }
        var top = min(5, model.plan.classes)
        if let text = head.query("top") {
            guard let number = Int(text), (1...model.plan.classes).contains(number) else {
                return .failure(.badParameter("top must be from 1 to \(model.plan.classes), not '\(text)'"))
            }
            top = number
        }
        var wait = deadline
        if let text = head.header("X-Deadline-Ms") {
            guard let number = Int(text), number > 0, number <= 86_400_000 else {
                return .failure(.badParameter("X-Deadline-Ms must be a positive number of milliseconds, not '\(text)'"))
            }
            wait = .milliseconds(number)
        }
        return .success(Parameters(model: model, top: top, wait: wait))
    }

    /// Hands every image of the request to the pool; whoever answers the last one answers the request.
    private func classify(_ request: Request, _ responder: Responder) -> Response? {
        guard let pool = state.servingPool else { return Problem(.unavailable).response }
        let parameters: Parameters
        switch self.parameters(request.head, pool) {
        case .success(let found): parameters = found
        case .failure(let problem): return problem.response
        }
        // The raw body, or the form's fields of that name.
        let images = request.parts.filter { $0.name == nil || $0.name == "image" }
        guard !images.isEmpty else {
            let detail =
                request.parts.isEmpty
                ? "the request has no body; send the image as the form field 'image' (curl -F image=@cat.jpg) or as the body itself"
                : "the form has no field 'image'; it has: \(request.parts.compactMap(\.name).joined(separator: ", "))"
            return Problem(400, "No image", code: "no_image", detail).response
        }
        let deadline = parameters.wait.map { ContinuousClock.now - request.received + $0 }
        let gathering = Gathering(count: images.count) { results in
            responder.respond(Self.response(results, model: parameters.model.name, receive: request.received))
        }
        for (index, image) in images.enumerated() {
            let job = ClassificationRequest(image: image, model: parameters.model, top: parameters.top, deadline: deadline)
            pool.submit(job) { gathering.set(index, $0) }
        }
        return nil
    }

    private static func response(_ results: [Result<Classification, ClassificationError>], model: String, receive: Duration) -> Response {
        let failures = results.compactMap { if case .failure(let error) = $0 { Problem(error) } else { nil } }
        // A lone image's error is the request's; so is one that is not the images' fault and hit all of them.
        if let first = failures.first, failures.count == results.count, results.count == 1 || first.status == 429 || first.status >= 500 {
            return first.response
        }
        let entries = results.map { Answer.Entry($0, receive: receive) }
        let answer = results.count == 1 ? Answer(model: model, entries[0]) : Answer(model: model, results: entries)
        var response = Response.json(answer)
        response.context = RequestSummary(model: model, results)
        return response
    }
}

extension Part: EncodedImage {}

/// Results that come in any order, from any thread; the last one in calls `done`.
private final class Gathering: Sendable {
    typealias Item = Result<Classification, ClassificationError>
    private let items: Mutex<(values: [Item?], missing: Int)>
    private let done: @Sendable ([Item]) -> Void

    init(count: Int, done: @escaping @Sendable ([Item]) -> Void) {
        items = Mutex((Array(repeating: nil, count: count), count))
        self.done = done
    }

    func set(_ index: Int, _ item: Item) {
        let all: [Item]? = items.withLock { items in
            items.values[index] = item
            items.missing -= 1
            return items.missing == 0 ? items.values.compactMap { $0 } : nil
        }
        if let all { done(all) }
    }
}

extension Response {
    static func plain(_ status: Int, _ text: String) -> Response {
        Response(status: status, contentType: "text/plain; charset=utf-8", text: text)
    }

    static func metrics(_ text: String) -> Response {
        Response(status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8", text: text)
    }

    static func json(_ value: some Encodable) -> Response {
        do {
            return Response(status: 200, contentType: "application/json", text: try JSON.text(value) + "\n")
        } catch {
            return Problem(500, "Internal error", code: "internal", "the answer could not be written as JSON").response
        }
    }
}
