import Serving

extension Problem {
    /// Why there is no model to answer.
    init(_ error: ModelLookupError) {
        switch error {
        case .refused(let error): self.init(error)
        case .noModel:
            self.init(503, "No model", code: "no_model", "the server has no model; its operator finds out more at /models", retryAfter: 10)
        case .severalModels(let names):
            self.init(
                400, "No model named", code: "model_not_named",
                "several models are served, so say which one is asked, by ?model=NAME or in the path: \(names.joined(separator: ", "))")
        case .unknownModel(let name, let served):
            self.init(
                404, "Unknown model", code: "unknown_model", "there is no model '\(name)'; served are: \(served.joined(separator: ", "))")
        case .unknownVersion(let version, let name, let served):
            let there = served.count == 1 ? "its only one is \(served[0])" : "there are: \(served.joined(separator: ", "))"
            self.init(
                404, "Unknown version", code: "unknown_version", "there is no version '\(version)' of the model '\(name)'; \(there)")
        case .failed(let id, _):
            self.init(
                503, "Model not available", code: "model_failed",
                "the model '\(id)' could not be loaded; its operator finds the reason at /models and in the log", retryAfter: 10)
        case .unloaded(let id):
            self.init(
                503, "Model not available", code: "model_unloaded",
                "the model '\(id)' was unloaded by an operator; POST /v2/repository/models/\(id.name)/load loads it")
        case .loading(let id):
            self.init(503, "Model loading", code: "model_loading", "the model '\(id)' is being loaded; try again", retryAfter: 1)
        }
    }
}
