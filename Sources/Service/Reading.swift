import HTTPServer
import Serving

extension Readiness {
    /// What is known of the model that a request names.
    func status(of reference: ModelReference) throws(Problem) -> ModelStatus {
        guard let store else { throw Problem(.unavailable) }
        do throws(ModelLookupError) { return try store.status(of: reference) } catch { throw Problem(error) }
    }

    /// The model that a request names, to be described. One that is not loaded is being loaded from then on.
    func model(_ reference: ModelReference) throws(Problem) -> Model {
        guard let store else { throw Problem(.unavailable) }
        let status = try status(of: reference)
        if let model = status.model { return model }
        store.prepare(reference)
        throw Problem(.loading(status.id))
    }
}

extension Call {
    /// The model that the path names.
    var model: ModelReference { ModelReference(parameters["model"], version: parameters["version"]) }

    /// A request as far as the head tells of it: without inputs.
    func request(to model: Model, _ deadlines: Deadlines) throws(Problem) -> InferenceRequest {
        var request = InferenceRequest(
            inputs: [], model: model, deadline: try deadlines.deadline(of: head), client: head.clientAddress)
        request.priority = try head.priority
        return request
    }
}

extension InferenceRequest {
    /// A body's list is held to this many inputs before anything else is asked.
    static let largestCount = 4096

    /// Asks for the features too.
    ///
    /// - Throws: where the model has none.
    mutating func wantFeatures() throws(Problem) {
        guard model.plan.featureCount != nil else {
            throw Problem(
                400, "No features", code: "no_features",
                "\(model.name) has no features before a classifier: its network does not end in a linear layer; ask another model")
        }
        wantsFeatures = true
    }
}

extension Request {
    /// The images of the request: the raw body, or the form's fields of these names.
    ///
    /// - Throws: if there is none.
    func images(_ fields: [String]) throws(Problem) -> [Part] {
        let images = parts.filter { part in part.name.map(fields.contains) ?? true }
        guard images.isEmpty else { return images }
        let field = fields[0]
        let detail =
            parts.isEmpty
            ? "the request has no body; send the image as the form field '\(field)' (curl -F \(field)=@cat.jpg) or as the body itself"
            : "the form has no field '\(field)'; it has: \(parts.compactMap(\.name).joined(separator: ", "))"
        throw Problem(400, "No image", code: "no_image", detail)
    }
}

extension [Result<Inference, InferenceError>] {
    /// All answers, for a dialect that has no place for the error of one input among several.
    ///
    /// - Throws: the first error there is, which says which input it is of.
    func answers() throws(Problem) -> [Inference] {
        var answers: [Inference] = []
        for (index, result) in enumerated() {
            switch result {
            case .success(let inference): answers.append(inference)
            case .failure(let error):
                var problem = Problem(error)
                if count > 1 { problem.detail = "image \(index + 1) of \(count): \(problem.detail)" }
                throw problem
            }
        }
        return answers
    }
}

extension RequestHead {
    /// What `X-Priority` says.
    var priority: Priority {
        get throws(Problem) {
            guard let text = header("X-Priority") else { return .normal }
            guard let priority = Priority(rawValue: text.lowercased()) else {
                throw .badParameter("X-Priority must be normal or low, not '\(text)'")
            }
            return priority
        }
    }

    /// Whether the client names the type among those that it takes, and not only by a wildcard.
    func accepts(_ type: String) -> Bool {
        headers.filter { $0.name.lowercased() == "accept" }.flatMap { $0.value.lowercased().split(separator: ",") }.contains { range in
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            return parts.first == type && !parts.dropFirst().contains { $0.wholeMatch(of: /q=0(\.0{0,3})?/) != nil }
        }
    }
}

extension Part: EncodedImage, EncodedTensor {}
