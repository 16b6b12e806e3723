import HTTPServer
import Serving

extension Dialect {
    /// What Hugging Face's inference servers answer for two of their tasks (huggingface.co/docs/inference-providers/tasks): image classification
    /// and image feature extraction.
    package static func huggingFace(deadlines: Deadlines) -> Dialect {
        func routes(_ task: HuggingFaceRequest.Task, _ paths: [PathPattern]) -> [Route] {
            paths.map { path in
                Route(
                    method: "POST", path: path,
                    action: .inference { (call, pool) throws(Problem) in
                        var request = try call.request(to: try pool.huggingFaceModel(call.parameters["model"]), deadlines)
                        if task == .featureExtraction { try request.wantFeatures() }
                        return Intake(request: request) { (request, inference) throws(Problem) in
                            let (asked, model) = (try HuggingFaceRequest(request), inference.model)
                            inference.inputs = asked.inputs
                            // What the JSON holds is a copy of the body, and counts as it does until it is answered.
                            return { [style = asked.style, share = request.share] (results) throws(Problem) in
                                try withExtendedLifetime(share) { () throws(Problem) in
                                    try style.answer(task, results.answers(), model)
                                }
                            }
                        }
                    })
            }
        }
        return Dialect(
            name: "hugging-face",
            routes: routes(
                .imageClassification, ["/", "/models/{model*}", "/pipeline/image-classification/{model*}"])
                + routes(
                    .featureExtraction,
                    [
                        "/pipeline/image-feature-extraction/{model*}", "/pipeline/feature-extraction/{model*}",
                        "/models/{model*}/pipeline/feature-extraction",
                    ]),
            description: .huggingFace,
            refusal: { .json(JSONWriter.text(["error": $0.detail]), status: $0.status) })
    }
}

extension EnginePool {
    /// The model that a path names, with the owner that the hub has before it or without.
    fileprivate func huggingFaceModel(_ name: String?) throws(Problem) -> Model {
        guard let name, let last = name.split(separator: "/").last, !models.contains(where: { $0.name == name }) else {
            return try model(named: name)
        }
        return try model(named: String(last))
    }
}
