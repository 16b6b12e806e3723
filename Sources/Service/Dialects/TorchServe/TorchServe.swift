import HTTPServer
import Serving

extension Dialect {
    /// TorchServe's inference API (pytorch.org/serve/inference_api.html), with what its image classifiers answer, and under `/torchserve` what
    /// its management API tells of models.
    package static func torchServe(deadlines: Deadlines, readiness: Readiness) -> Dialect {
        let predict = Route.Action.inference(deadlines, model: \.torchServeModel) { (call, model) throws(Problem) in
            return Intake(request: try call.request(to: model, deadlines)) { (request, inference) throws(Problem) in
                inference.inputs = try request.images(["data", "body"]).map { .image($0) }
                return { .json(JSONWriter.text(TorchServeAnswer(model: model, results: $0))) }
            }
        }
        func page(_ path: PathPattern, _ answer: @escaping @Sendable (Call, ModelStore) throws(Problem) -> Response) -> Route {
            Route(
                method: "GET", path: path, isRoutine: true,
                action: .page { (call) throws(Problem) in
                    guard let store = readiness.store else { throw Problem(.unavailable) }
                    return try answer(call, store)
                })
        }
        let describe = { @Sendable (call: Call, store: ModelStore) throws(Problem) in
            let status = try readiness.status(of: call.torchServeModel)
            return Response.json(JSONWriter.text([TorchServeModel(status: status, largestBatch: store.pool.options.largestBatch)]))
        }
        return Dialect(
            name: "torchserve",
            routes: ["/predictions/{model}", "/predictions/{model}/{version}"].flatMap { (path: PathPattern) in
                // curl -T, as TorchServe's manual has it, sends PUT.
                ["POST", "PUT"].map { Route(method: $0, path: path, action: predict) }
            } + [
                Route(
                    method: "GET", path: "/ping", isRoutine: true, isOpen: true,
                    action: .page { _ in
                        let isReady = readiness.notReady == nil
                        var response = Response.json { $0.field("status", isReady ? "Healthy" : "Unhealthy") }
                        response.status = isReady ? 200 : 503
                        return response
                    }),
                page("/torchserve/models") { _, store in
                    .json { $0.field("models", store.names.map { TorchServeModel.Name(name: $0) }) }
                },
                page("/torchserve/models/{model}", describe), page("/torchserve/models/{model}/{version}", describe),
            ],
            description: .torchServe,
            refusal: { problem in
                var response = Response.json(JSONWriter.text(TorchServeError(problem)))
                response.status = problem.status
                return response
            })
    }
}

extension ModelID {
    /// As TorchServe's archives have it: 2.0.
    fileprivate var torchServeVersion: String { "\(versionText).0" }
}

extension Call {
    /// The model that a path names.
    fileprivate var torchServeModel: ModelReference {
        var model = model
        if let version = model.version, version.hasSuffix(".0") { model.version = String(version.dropLast(2)) }
        return model
    }
}

/// The five best labels of an image, each with its probability; of several images a list of those.
private struct TorchServeAnswer: JSONWritable {
    var model: Model
    var results: [Result<Inference, InferenceError>]

    func write(to writer: inout JSONWriter) {
        let entries = results.map { Entry(model: model, result: $0) }
        if entries.count == 1 { entries[0].write(to: &writer) } else { writer.array(entries) }
    }

    private struct Entry: JSONWritable {
        var model: Model
        var result: Result<Inference, InferenceError>

        func write(to writer: inout JSONWriter) {
            switch result {
            case .success(let inference):
                writer.object { writer in
                    for prediction in inference.predictions(5, of: model) {
                        writer.field(model.labels.unique[prediction.index], prediction.score)
                    }
                }
            case .failure(let error): TorchServeError(Problem(error)).write(to: &writer)
            }
        }
    }
}

/// What the management API tells of a model.
private struct TorchServeModel: JSONWritable {
    var status: ModelStatus
    var largestBatch: Int

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("modelName", status.id.name)
            $0.field("modelVersion", status.id.torchServeVersion)
            $0.field("modelUrl", status.id.name)
            $0.field("runtime", "excite")
            $0.field("minWorkers", 1)
            $0.field("maxWorkers", 1)
            $0.field("batchSize", largestBatch)
            $0.field("maxBatchDelay", 0)
            $0.field("loadedAtStartup", true)
            $0.field("workers", [Worker()])
        }
    }

    struct Name: JSONWritable {
        var name: String

        func write(to writer: inout JSONWriter) {
            writer.object {
                $0.field("modelName", name)
                $0.field("modelUrl", name)
            }
        }
    }

    private struct Worker: JSONWritable {
        func write(to writer: inout JSONWriter) {
            writer.object {
                $0.field("id", "0")
                $0.field("status", "READY")
                $0.field("gpu", false)
            }
        }
    }
}

private struct TorchServeError: JSONWritable {
    var problem: Problem

    init(_ problem: Problem) { self.problem = problem }

    /// The class of TorchServe's frontend that stands for the error.
    private var type: String {
        switch (problem.status, problem.code) {
        case (_, "unknown_model"): "ModelNotFoundException"
        case (_, "unknown_version"): "ModelVersionNotFoundException"
        case (404, _): "ResourceNotFoundException"
        case (405, _): "MethodNotAllowedException"
        case (429, _), (503, _): "ServiceUnavailableException"
        case (500..., _): "InternalServerException"
        default: "BadRequestException"
        }
    }

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("code", problem.status)
            $0.field("type", type)
            $0.field("message", problem.detail)
        }
    }
}
