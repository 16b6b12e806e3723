import HTTPServer
import Serving

/// Takes requests from HTTP to the pool and back: finds the route, and lets its dialect translate.
package struct Gateway: Sendable {
    private let readiness: Readiness
    private let origins: AllowedOrigins
    /// Nil where everybody may ask.
    private let keys: APIKeys?
    /// By method.
    private typealias Methods = [String: (dialect: Dialect, route: Route)]
    /// Nearly every request's path has no parameters.
    private let fixed: [String: Methods]
    /// Of paths with parameters, the most particular first.
    private let patterns: [(pattern: PathPattern, methods: Methods)]
    /// What words a refusal of a path that is nobody's.
    private let fallback: Dialect

    /// - Parameters:
    ///   - dialects: the first one words what concerns no path.
    ///   - origins: whose pages may ask.
    ///   - keys: with one of which every request has to come, but for those to open routes; nil where none is needed.
    /// - Precondition: there is a dialect, and no two routes are the same.
    package init(_ dialects: [Dialect], readiness: Readiness, origins: AllowedOrigins = AllowedOrigins(), keys: APIKeys? = nil) {
        precondition(!dialects.isEmpty, "a gateway without dialects")
        self.readiness = readiness
        self.origins = origins
        self.keys = keys
        fallback = dialects[0]
        var table: [PathPattern: Methods] = [:]
        for dialect in dialects {
            for route in dialect.routes {
                precondition(table[route.path]?[route.method] == nil, "\(route.method) \(route.path) is two dialects'")
                table[route.path, default: [:]][route.method] = (dialect, route)
            }
        }
        fixed = Dictionary(uniqueKeysWithValues: table.filter(\.key.isFixed).map { ($0.key.description, $0.value) })
        patterns = table.filter { !$0.key.isFixed }.map { ($0.key, $0.value) }.sorted {
            ($1.pattern.particularity, $0.pattern.description) < ($0.pattern.particularity, $1.pattern.description)
        }
    }

    /// Every method by path, as `APIDescription` has them.
    package var methods: [String: Set<String>] {
        fixed.mapValues { Set($0.keys) }
            .merging(patterns.map { ($0.pattern.description, Set($0.methods.keys)) }) { $0.union($1) }
    }

    /// Paths that a probe asks for, which are answered whatever else happens.
    package var routinePaths: Set<String> { Set(fixed.filter { $0.value.values.contains(where: \.route.isRoutine) }.keys) }

    private func match(_ path: String) -> (methods: Methods, parameters: [String: String])? {
        if let methods = fixed[path] { return (methods, [:]) }
        for (pattern, methods) in patterns {
            if let parameters = pattern.match(path) { return (methods, parameters) }
        }
        return nil
    }

    /// What a path and its dialect are called in metrics, and whether it is asked routinely: paths that clients make up are all one.
    package func route(of head: RequestHead) -> (name: String, dialect: String, isRoutine: Bool) {
        guard let methods = match(head.path)?.methods, let (dialect, route) = methods[head.method] ?? methods.first?.value else {
            return ("other", fallback.name, false)
        }
        return (route.path.description, dialect.name, route.isRoutine)
    }

    private func find(_ head: RequestHead) throws(Problem) -> (dialect: Dialect, route: Route, call: Call) {
        guard let (methods, parameters) = match(head.path) else { throw Problem.notFound(head.path) }
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
                return store.pool.refuse(try question.intake(call, model).request).map { Problem($0) }
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
        let head = request.head
        pool.submit(inference) { respond(finished(answer($0, model, head, write), head)) }
    }

    /// What the HTTP server refuses by itself.
    package func render(_ refusal: Refusal, _ head: RequestHead?) -> Response { response(Problem(refusal), to: head) }

    /// The name of the key that a request came with.
    func keyName(of head: RequestHead) -> String? { keys?.key(of: head)?.name }

    /// Whether no key is asked for: probes have none, and browsers none when they ask for the page.
    private func isOpen(_ head: RequestHead) -> Bool {
        keys == nil || match(head.path)?.methods[head.method == "HEAD" ? "GET" : head.method]?.route.isOpen == true
    }

    private func preflight(_ head: RequestHead) -> Response? {
        guard head.method == "OPTIONS", let methods = match(head.path)?.methods else { return nil }
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
                match(head.path).flatMap { $0.methods[head.method] ?? $0.methods.min { $0.key < $1.key }?.value }?.dialect
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
