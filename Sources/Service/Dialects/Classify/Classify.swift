import HTTPServer
import Serving

extension Dialect {
    /// This server's own: `POST /classify`, images in, labels out.
    package static func classify(deadlines: Deadlines) -> Dialect {
        Dialect(
            routes: [
                Route(
                    method: "POST", path: "/classify",
                    action: .inference { (call, pool) throws(Problem) in
                        let query = try ClassifyQuery(call.head, pool)
                        var request = InferenceRequest(inputs: [], model: query.model, client: call.head.clientAddress)
                        request.deadline = deadlines.deadline(of: call.head, asked: query.patience)
                        request.wantsGates = query.gates != nil
                        return Intake(request: request) { (request, inference) throws(Problem) in
                            inference.inputs = try request.images(field: "image").map { .image($0) }
                            let receive = request.received
                            return { .json(JSONWriter.text(ClassifyAnswer(query: query, results: $0, receive: receive))) }
                        }
                    })
            ],
            refusal: \.response)
    }
}

/// What the head of a request to `/classify` asks for.
struct ClassifyQuery: Sendable {
    var model: Model
    /// How many labels.
    var top: Int
    /// How much is told of the gates; nil for nothing.
    var gates: GateDetail?
    /// How long the client waits; nil where it does not say.
    var patience: Duration?

    init(_ head: RequestHead, _ pool: EnginePool) throws(Problem) {
        let models = pool.models
        guard let first = models.first else { throw Problem(.unavailable) }
        model = first
        if let name = head.query("model") {
            guard let named = models.first(where: { $0.name == name }) else { throw .unknownModel(name, served: models) }
            model = named
        }
        let classes = model.plan.classes
        top = min(5, classes)
        if let text = head.query("top") {
            guard let number = Int(text), (1...classes).contains(number) else {
                throw .badParameter("top must be from 1 to \(classes), not '\(text)'")
            }
            top = number
        }
        if let text = head.header("X-Deadline-Ms") {
            guard let number = Int(text), number > 0, number <= 86_400_000 else {
                throw .badParameter("X-Deadline-Ms must be a positive number of milliseconds, not '\(text)'")
            }
            patience = .milliseconds(number)
        }
        if let text = head.query("gates"), text != "0" {
            gates = GateDetail(rawValue: text)
            guard gates != nil else { throw .badParameter("gates must be 1 or full, not '\(text)'") }
        }
    }
}

extension Request {
    /// The images of the request: the raw body, or the form's fields of that name.
    ///
    /// - Throws: if there is none.
    func images(field: String) throws(Problem) -> [Part] {
        let images = parts.filter { $0.name == nil || $0.name == field }
        guard images.isEmpty else { return images }
        let detail =
            parts.isEmpty
            ? "the request has no body; send the image as the form field '\(field)' (curl -F \(field)=@cat.jpg) or as the body itself"
            : "the form has no field '\(field)'; it has: \(parts.compactMap(\.name).joined(separator: ", "))"
        throw Problem(400, "No image", code: "no_image", detail)
    }
}

extension Part: EncodedImage {}
