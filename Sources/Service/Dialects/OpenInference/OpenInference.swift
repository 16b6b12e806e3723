import HTTPServer
import SENet
import Serving

extension Dialect {
    /// The Open Inference Protocol, version 2, over REST, with the extensions that Triton's and KServe's clients ask for: binary tensors,
    /// classification, model configuration, statistics, repository index, compressed bodies.
    ///
    /// Source: github.com/kserve/open-inference-protocol, and Triton's protocol extensions.
    ///
    /// - Parameter isAdministered: whether clients may have models loaded and unloaded.
    package static func openInference(deadlines: Deadlines, readiness: Readiness, isAdministered: Bool = false) -> Dialect {
        func page(_ path: PathPattern, _ answer: @escaping @Sendable (Call) throws(Problem) -> Response) -> [Route] {
            [Route(method: "GET", path: path, action: .page(answer))]
        }
        /// What is said of a model, with or without its version in the path.
        func modelPage(_ suffix: String, _ answer: @escaping @Sendable (Call, ModelStore) throws(Problem) -> Response) -> [Route] {
            ["/v2/models/{model*}", "/v2/models/{model*}/versions/{version}"].flatMap { path in
                page(PathPattern(stringLiteral: path + suffix)) { (call) throws(Problem) in
                    guard let store = readiness.store else { throw Problem(.unavailable) }
                    return try answer(call, store)
                }
            }
        }
        func health(_ name: String, _ isGood: @escaping @Sendable () -> Bool) -> [Route] {
            [
                Route(
                    method: "GET", path: PathPattern(stringLiteral: "/v2/health/\(name)"), isRoutine: true, isOpen: true,
                    action: .page { _ in
                        let isGood = isGood()
                        return .json(JSONWriter.text([name: isGood]), status: isGood ? 200 : 503)
                    })
            ]
        }
        let inference: [Route] = ["/v2/models/{model*}/infer", "/v2/models/{model*}/versions/{version}/infer"].map { path in
            Route(
                method: "POST", path: path,
                action: .inference(deadlines, model: \.model) { (call, model) throws(Problem) in
                    return Intake(request: try call.request(to: model, deadlines)) { (request, inference) throws(Problem) in
                        var asked = try OpenInferenceRequest(request, model)
                        swap(&inference.inputs, &asked.inputs)
                        if let timeout = asked.timeout { inference.deadline = deadlines.deadline(of: request.head, asked: timeout) }
                        if let priority = asked.priority { inference.priority = priority }
                        if asked.outputs.contains(where: { $0.name == .features }) { try inference.wantFeatures() }
                        // What JSON holds is a copy of the body, about as large, and counts as it does until it is answered.
                        return { [asked, share = request.share] (results) throws(Problem) in
                            try withExtendedLifetime(share) { () throws(Problem) in asked.answer(try results.answers(), model) }
                        }
                    }
                })
        }
        let changes: [Route] = ["load", "unload"].map { verb in
            Route(
                method: "POST", path: PathPattern(stringLiteral: "/v2/repository/models/{model*}/\(verb)"), isAdministrative: true,
                action: .task { (call, done) throws(Problem) in
                    guard isAdministered else {
                        throw Problem(
                            403, "Not allowed", code: "not_administered",
                            "models are not \(verb)ed by request here: the server has to be started with --admin")
                    }
                    guard let store = readiness.servingStore else { throw Problem(.unavailable) }
                    let change = verb == "load" ? store.load : store.unload
                    change(call.parameters["model"] ?? "") { wrong in
                        done(
                            wrong.map { .failure(Problem(400, "Not \(verb)ed", code: "not_\(verb)ed", $0)) }
                                ?? .success(Response(status: 200, headers: [("Content-Type", "application/json")], body: [])))
                    }
                })
        }
        let index = Route(
            method: "POST", path: "/v2/repository/index", isAdministrative: true,
            action: .page { _ in
                let notReady = readiness.notReady
                return .json(JSONWriter.text((readiness.store?.statuses ?? []).map { RepositoryEntry(status: $0, notReady: notReady) }))
            })
        return Dialect(
            name: "open-inference",
            routes: page("/v2") { _ in .json { $0.writeServerMetadata() } }
                + health("live") { true } + health("ready") { readiness.notReady == nil }
                + modelPage("") { (call, store) throws(Problem) in
                    let model = try readiness.model(call.model)
                    return .json { $0.writeMetadata(of: model, versions: store.versions(of: model.name)) }
                }
                + modelPage("/ready") { (call, store) throws(Problem) in
                    let (id, isReady) = (try readiness.status(of: call.model).id, readiness.notReady == nil)
                    return .json(JSONWriter.text(ModelReadiness(name: id.name, isReady: isReady)), status: isReady ? 200 : 503)
                }
                + modelPage("/config") { (call, store) throws(Problem) in
                    let model = try readiness.model(call.model)
                    return .json { $0.writeConfiguration(of: model, largestBatch: store.pool.largestBatch) }
                }
                + modelPage("/stats") { (call, store) throws(Problem) in
                    let model = try readiness.model(call.model)
                    return .json { $0.writeStatistics(of: model, store.pool.statistics(of: model)) }
                }
                + inference + [index] + changes,
            description: .openInference,
            refusal: \.errorObject)
    }
}

extension Dictionary: JSONWritable where Key == String, Value: JSONWritable {
    /// Fields in the order of their names.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            for (name, value) in sorted(by: { $0.key < $1.key }) { writer.field(name, value) }
        }
    }
}
