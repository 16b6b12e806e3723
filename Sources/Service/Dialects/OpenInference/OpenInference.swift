import HTTPServer
import SENet
import Serving

extension Dialect {
    /// The Open Inference Protocol, version 2, over REST, with the extensions that Triton's and KServe's clients ask for: binary tensors,
    /// classification, model configuration, statistics, repository index, compressed bodies.
    ///
    /// Source: github.com/kserve/open-inference-protocol, and Triton's protocol extensions.
    package static func openInference(deadlines: Deadlines, readiness: Readiness) -> Dialect {
        func page(_ path: PathPattern, _ answer: @escaping @Sendable (Call) throws(Problem) -> Response) -> [Route] {
            [Route(method: "GET", path: path, action: .page(answer))]
        }
        /// What is said of a model, with or without its version in the path.
        func modelPage(_ suffix: String, _ answer: @escaping @Sendable (Model, EnginePool) -> Response) -> [Route] {
            ["/v2/models/{model*}", "/v2/models/{model*}/versions/{version}"].flatMap { path in
                page(PathPattern(stringLiteral: path + suffix)) { (call) throws(Problem) in
                    guard let pool = readiness.pool else { throw Problem(.unavailable) }
                    return answer(try pool.model(of: call), pool)
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
                action: .inference { (call, pool) throws(Problem) in
                    let model = try pool.model(of: call)
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
                action: .page { _ throws(Problem) in
                    throw Problem(
                        501, "Not implemented", code: "fixed_models",
                        "models cannot be \(verb)ed while the server runs: start it with the models that it is to serve")
                })
        }
        let index = Route(
            method: "POST", path: "/v2/repository/index", isAdministrative: true,
            action: .page { _ in
                let state = readiness.notReady
                return .json(JSONWriter.text((readiness.pool?.models ?? []).map { RepositoryEntry(name: $0.name, unavailable: state) }))
            })
        return Dialect(
            name: "open-inference",
            routes: page("/v2") { _ in .json { $0.writeServerMetadata() } }
                + health("live") { true } + health("ready") { readiness.notReady == nil }
                + modelPage("") { model, pool in .json { $0.writeMetadata(of: model) } }
                + modelPage("/ready") { model, _ in
                    let isReady = readiness.notReady == nil
                    return .json(JSONWriter.text(ModelReadiness(name: model.name, isReady: isReady)), status: isReady ? 200 : 503)
                }
                + modelPage("/config") { model, pool in .json { $0.writeConfiguration(of: model, largestBatch: pool.largestBatch) } }
                + modelPage("/stats") { model, pool in .json { $0.writeStatistics(of: model, pool.statistics(of: model)) } }
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
