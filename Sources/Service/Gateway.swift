import HTTPServer
import Serving

/// Takes requests from HTTP to the pool and back: finds the route, and lets its dialect translate.
package struct Gateway: Sendable {
    private let readiness: Readiness
    private let origins: AllowedOrigins
    /// Nil where everybody may ask.
    private let keys: APIKeys?
    /// Nil where every image is run.
    private let cache: InferenceCache?
    /// What the main port serves, and the one for probes.
    private let main: RouteTable
    /// What the port for who runs the server serves: everything.
    private let admin: RouteTable
    /// What words a refusal of a path that is nobody's.
    private let fallback: Dialect

    /// - Parameters:
    ///   - dialects: the first one words what concerns no path.
    ///   - origins: whose pages may ask.
    ///   - keys: with one of which every request has to come, but for those to open routes; nil where none is needed.
    ///   - cache: nil where every image is run.
    ///   - hasAdminPort: whether administrative routes are served at that port alone.
    /// - Precondition: there is a dialect, and no two routes are the same.
    package init(
        _ dialects: [Dialect], readiness: Readiness, origins: AllowedOrigins = AllowedOrigins(), keys: APIKeys? = nil,
        cache: InferenceCache? = nil, hasAdminPort: Bool = false
    ) {
        precondition(!dialects.isEmpty, "a gateway without dialects")
        self.readiness = readiness
        self.origins = origins
        self.keys = keys
        self.cache = cache
        fallback = dialects[0]
        admin = RouteTable(dialects)
        main = hasAdminPort ? RouteTable(dialects) { !$0.isAdministrative } : admin
    }

    /// Every method by path, as `APIDescription` has them.
    package var methods: [String: Set<String>] { admin.methods }

    /// Paths that a probe asks for at the main port or its own, which are answered whatever else happens.
    package var routinePaths: Set<String> { main.routinePaths }

    private func match(_ head: RequestHead) -> (methods: RouteTable.Methods, parameters: [String: String])? {
        (head.entrance == .admin ? admin : main).match(head.path)
    }

    /// What a path, its kind and its dialect are called in metrics, and whether it is asked routinely: paths that clients make up are all one.
    package func route(of head: RequestHead) -> (name: String, kind: String, dialect: String, isRoutine: Bool) {
        guard let methods = match(head)?.methods, let (dialect, route) = methods[head.method] ?? methods.first?.value else {
            return ("other", Route.Kind.other.rawValue, fallback.name, false)
        }
        return (route.path.description, route.kind.rawValue, dialect.name, route.isRoutine)
    }

    private func find(_ head: RequestHead) throws(Problem) -> (dialect: Dialect, route: Route, call: Call) {
        guard let (methods, parameters) = match(head) else { throw Problem.notFound(head.path) }
        guard let (dialect, route) = methods[head.method == "HEAD" ? "GET" : head.method] else {
            throw .methodNotAllowed(head, allowed: methods.keys.sorted() + (methods["GET"] == nil ? [] : ["HEAD"]))
        }
        return (dialect, route, Call(head: head, parameters: parameters))
    }

    /// Why a request is refused as soon as its head is known, so that its body is not kept; nil if it is not.
    package func refusal(_ head: RequestHead) -> Response? {
        // Browsers ask without a key.
        if preflight(head) != nil { return nil }
        do throws(Problem) {
            if !isOpen(head) { try keys?.admit(head) }
            let (_, route, call) = try find(head)
            guard case .inference(let question) = route.action else { return nil }
            guard let store = readiness.servingStore else { throw Problem(.unavailable) }
            try refuse(question, call, store)
            return nil
        } catch {
            return response(error, to: head)
        }
    }

    /// - Throws: where the model would refuse the request. One that is not loaded refuses nothing yet.
    private func refuse(_ question: Question, _ call: Call, _ store: ModelStore) throws(Problem) {
        let refusal = store.withLoadedModel(question.model(call)) { found -> Problem? in
            do throws(Problem) {
                guard let model = try found.orProblem() else { return nil }
                let request = try question.intake(call, model).request
                // What the cache has can be answered in any case: that is seen by the body.
                return cache == nil ? store.pool.refuse(request).map { Problem($0) } : nil
            } catch {
                return error
            }
        }
        if let refusal { throw refusal }
    }

    /// Answers a request, at once or when the pool has.
    package func handle(_ request: Request, _ responder: Responder) {
        if let answer = preflight(request.head) { return responder.respond(origins.opened(answer, to: request.head)) }
        do throws(Problem) {
            let flight = isOpen(request.head) ? nil : try keys?.begin(request.head)
            let (_, route, call) = try find(request.head)
            switch route.action {
            case .page(let answer): responder.respond(finished(try answer(call), request.head))
            case .task(let task):
                try task(call) { result in
                    flight?.release()
                    switch result {
                    case .success(let answer): responder.respond(finished(answer, request.head))
                    case .failure(let problem): responder.respond(response(problem, to: request.head))
                    }
                }
            case .inference(let question):
                guard let store = readiness.servingStore else { throw Problem(.unavailable) }
                let deadline = try question.deadlines.deadline(of: request.head)
                store.withModel(question.model(call), deadline: deadline) { found in
                    do throws(Problem) {
                        try ask(try found.orProblem(), question, call, store.pool, request) { response in
                            // Before the answer: who has it may send the next request at once.
                            flight?.release()
                            responder.respond(response)
                        }
                    } catch {
                        responder.respond(response(error, to: request.head))
                    }
                }
            }
        } catch {
            responder.respond(response(error, to: request.head))
        }
    }

    /// Has a model answer a request.
    private func ask(
        _ model: Model, _ question: Question, _ call: Call, _ pool: EnginePool, _ request: Request,
        respond: @escaping @Sendable (Response) -> Void
    ) throws(Problem) {
        let asked = try question.intake(call, model)
        var inference = asked.request
        let write = try asked.read(request, &inference)
        inference.clientHasLeft = request.watch
        submit(inference, request, to: pool, write) { respond(finished($0, request.head)) }
    }

    private func submit(
        _ inference: InferenceRequest, _ request: Request, to pool: EnginePool, _ write: @escaping Intake.Writer,
        respond: @escaping @Sendable (Response) -> Void
    ) {
        let (model, head) = (inference.model, request.head)
        guard let cache, let recollection = cache.recall(inference, of: request) else {
            return pool.submit(inference) { respond(answer($0, model, head, write)) }
        }
        guard !recollection.isKnownToClient else {
            // RFC 9110 has 412 for methods that change something; this one asks.
            var response = Response(status: 304)
            recollection.mark(&response, isWhole: true)
            return respond(response)
        }
        cache.submit(inference, recollection, to: pool) { results in
            var response = answer(results, model, head, write)
            recollection.mark(&response, isWhole: !results.contains { if case .failure = $0 { true } else { false } })
            respond(response)
        }
    }

    /// What the HTTP server refuses by itself.
    package func render(_ refusal: Refusal, _ head: RequestHead?) -> Response { response(Problem(refusal), to: head) }

    /// The name of the key that a request came with.
    func keyName(of head: RequestHead) -> String? { keys?.key(of: head)?.name }

    /// Whether no key is asked for: probes have none, and browsers none when they ask for the page.
    private func isOpen(_ head: RequestHead) -> Bool {
        keys == nil || match(head)?.methods[head.method == "HEAD" ? "GET" : head.method]?.route.isOpen == true
    }

    private func preflight(_ head: RequestHead) -> Response? {
        guard head.method == "OPTIONS", let methods = match(head)?.methods else { return nil }
        return origins.preflight(head, methods: methods.keys.sorted())
    }

    /// An answer in the form that the client takes.
    private func finished(_ response: Response, _ head: RequestHead) -> Response {
        origins.opened(response.compressed(for: head), to: head)
    }

    private func answer(
        _ results: [Result<Inference, InferenceError>], _ model: Model, _ head: RequestHead, _ write: Intake.Writer
    ) -> Response {
        let failures = results.compactMap { if case .failure(let error) = $0 { error } else { nil } }
        // A lone input's error is the request's; so is one that is not the inputs' fault and hit all of them.
        if let first = failures.first, failures.count == results.count, results.count == 1 || first.isOfRequest {
            return response(Problem(first), to: head)
        }
        do throws(Problem) {
            var response = try write(results)
            response.context = RequestSummary(model, results)
            return response
        } catch {
            return response(error, to: head)
        }
    }

    private func response(_ problem: Problem, to head: RequestHead?) -> Response {
        let dialect =
            head.flatMap { head in
                match(head).flatMap { $0.methods[head.method] ?? $0.methods.min { $0.key < $1.key }?.value }?.dialect
            } ?? fallback
        var response = dialect.refusal(problem)
        response.headers += problem.headers
        response.context = problem
        return origins.opened(response, to: head)
    }
}

extension Result where Failure == ModelLookupError {
    fileprivate func orProblem() throws(Problem) -> Success {
        switch self {
        case .success(let found): return found
        case .failure(let error): throw Problem(error)
        }
    }
}
