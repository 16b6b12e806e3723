import HTTPServer
import SENet
import Serving

extension Dialect {
    /// TensorFlow Serving's REST API (tensorflow.org/tfx/serving/api_rest), and with the same paths KServe's first protocol.
    package static func tensorFlowServing(deadlines: Deadlines, readiness: Readiness) -> Dialect {
        func page(_ path: PathPattern, _ answer: @escaping @Sendable (Call, ModelStore) throws(Problem) -> Response) -> Route {
            Route(
                method: "GET", path: path, isRoutine: true,
                action: .page { (call) throws(Problem) in
                    guard let store = readiness.store else { throw Problem(.unavailable) }
                    return try answer(call, store)
                })
        }
        func inference(_ verb: TensorFlowServingRequest.Verb) -> [Route] {
            ["", "/versions/{version}"].map { version in
                Route(
                    method: "POST", path: PathPattern(stringLiteral: "/v1/models/{model}\(version):\(verb.rawValue)"),
                    action: .inference(deadlines, model: \.model) { (call, model) throws(Problem) in
                        return Intake(request: try call.request(to: model, deadlines)) { (request, inference) throws(Problem) in
                            let asked = try TensorFlowServingRequest(request, verb, model)
                            inference.inputs = asked.inputs
                            // What the JSON holds is a copy of the body, and counts as it does until it is answered.
                            return { [form = asked.form, share = request.share] (results) throws(Problem) in
                                try withExtendedLifetime(share) { () throws(Problem) in try form.answer(results.answers(), model) }
                            }
                        }
                    })
            }
        }
        let status = { @Sendable (call: Call, store: ModelStore) throws(Problem) in
            let (asked, isReady) = (try readiness.status(of: call.model), readiness.notReady == nil)
            // Of all versions, unless one is named.
            let versions = call.model.version == nil ? store.versions(of: asked.id.name) : [asked.id]
            return Response.json(
                JSONWriter.text(TensorFlowServingStatus(versions: versions, isReady: isReady)), status: isReady ? 200 : 503)
        }
        let metadata = { @Sendable (call: Call, store: ModelStore) throws(Problem) in
            Response.json(JSONWriter.text(TensorFlowServingMetadata(model: try readiness.model(call.model))))
        }
        return Dialect(
            name: "tensorflow-serving",
            routes: inference(.predict) + inference(.classify) + [
                page("/v1/models") { _, store in .json { $0.field("models", store.names) } },
                page("/v1/models/{model}", status), page("/v1/models/{model}/versions/{version}", status),
                page("/v1/models/{model}/metadata", metadata), page("/v1/models/{model}/versions/{version}/metadata", metadata),
            ],
            description: .tensorFlowServing,
            refusal: \.errorObject)
    }
}

/// Of a model, with what KServe adds.
private struct TensorFlowServingStatus: JSONWritable {
    /// The newest first.
    var versions: [ModelID]
    var isReady: Bool

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("model_version_status", versions.map { Version(id: $0, isReady: isReady) })
            $0.field("name", versions.first?.name)
            $0.field("ready", isReady)
        }
    }

    private struct Version: JSONWritable {
        var id: ModelID
        var isReady: Bool

        func write(to writer: inout JSONWriter) {
            writer.object {
                $0.field("version", id.versionText)
                $0.field("state", isReady ? "AVAILABLE" : "LOADING")
                $0.field("status", ["error_code": "OK", "error_message": ""])
            }
        }
    }
}

/// A model's signature: one input, an image as a file or a tensor, and one output, the scores.
private struct TensorFlowServingMetadata: JSONWritable {
    var model: Model

    func write(to writer: inout JSONWriter) {
        let shape = model.plan.inputShape
        let input = Tensor(type: "DT_FLOAT", shape: [-1, shape.channels, shape.height, shape.width], name: "input")
        let output = Tensor(type: "DT_FLOAT", shape: [-1, model.plan.classes], name: "scores")
        writer.object {
            $0.field("model_spec", ["name": model.name, "signature_name": "", "version": model.id.versionText])
            $0.field(
                "metadata",
                ["signature_def": ["signature_def": ["serving_default": Signature(inputs: ["input": input], outputs: ["scores": output])]]])
        }
    }

    private struct Signature: JSONWritable {
        var inputs: [String: Tensor]
        var outputs: [String: Tensor]

        func write(to writer: inout JSONWriter) {
            writer.object {
                $0.field("inputs", inputs)
                $0.field("outputs", outputs)
                $0.field("method_name", "tensorflow/serving/predict")
            }
        }
    }

    private struct Tensor: JSONWritable {
        var type: String
        var shape: [Int]
        var name: String

        func write(to writer: inout JSONWriter) {
            writer.object {
                $0.field("dtype", type)
                $0.field("tensor_shape", Shape(dimensions: shape))
                $0.field("name", name)
            }
        }
    }

    private struct Shape: JSONWritable {
        var dimensions: [Int]

        func write(to writer: inout JSONWriter) {
            writer.object {
                $0.field("dim", dimensions.map { ["size": String($0), "name": ""] })
                $0.field("unknown_rank", false)
            }
        }
    }
}
