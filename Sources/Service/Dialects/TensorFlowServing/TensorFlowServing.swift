import HTTPServer
import SENet
import Serving

extension Dialect {
    /// TensorFlow Serving's REST API (tensorflow.org/tfx/serving/api_rest), and with the same paths KServe's first protocol.
    package static func tensorFlowServing(deadlines: Deadlines, readiness: Readiness) -> Dialect {
        func page(_ path: PathPattern, _ answer: @escaping @Sendable (Call, EnginePool) throws(Problem) -> Response) -> Route {
            Route(
                method: "GET", path: path, isRoutine: true,
                action: .page { (call) throws(Problem) in
                    guard let pool = readiness.pool else { throw Problem(.unavailable) }
                    return try answer(call, pool)
                })
        }
        func inference(_ verb: TensorFlowServingRequest.Verb) -> [Route] {
            ["", "/versions/{version}"].map { version in
                Route(
                    method: "POST", path: PathPattern(stringLiteral: "/v1/models/{model}\(version):\(verb.rawValue)"),
                    action: .inference { (call, pool) throws(Problem) in
                        let model = try pool.model(of: call)
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
        let status = { @Sendable (call: Call, pool: EnginePool) throws(Problem) in
            let (model, isReady) = (try pool.model(of: call), readiness.notReady == nil)
            return Response.json(
                JSONWriter.text(TensorFlowServingStatus(model: model, isReady: isReady)), status: isReady ? 200 : 503)
        }
        let metadata = { @Sendable (call: Call, pool: EnginePool) throws(Problem) in
            Response.json(JSONWriter.text(TensorFlowServingMetadata(model: try pool.model(of: call))))
        }
        return Dialect(
            name: "tensorflow-serving",
            routes: inference(.predict) + inference(.classify) + [
                page("/v1/models") { _, pool in .json { $0.field("models", pool.models.map(\.name)) } },
                page("/v1/models/{model}", status), page("/v1/models/{model}/versions/{version}", status),
                page("/v1/models/{model}/metadata", metadata), page("/v1/models/{model}/versions/{version}/metadata", metadata),
            ],
            description: .tensorFlowServing,
            refusal: \.errorObject)
    }
}

/// Of a model, with what KServe adds.
private struct TensorFlowServingStatus: JSONWritable {
    var model: Model
    var isReady: Bool

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("model_version_status", [Version(isReady: isReady)])
            $0.field("name", model.name)
            $0.field("ready", isReady)
        }
    }

    private struct Version: JSONWritable {
        var isReady: Bool

        func write(to writer: inout JSONWriter) {
            writer.object {
                $0.field("version", Model.version)
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
            $0.field("model_spec", ["name": model.name, "signature_name": "", "version": Model.version])
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
