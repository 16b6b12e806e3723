import HTTPServer
import Serving

extension Dialect {
    /// This server's own: `POST /embed`, images in, features out.
    package static func embed(deadlines: Deadlines) -> Dialect {
        Dialect(
            name: "excite",
            routes: [
                Route(
                    method: "POST", path: "/embed",
                    action: .inference(deadlines, model: { ModelReference($0.head.query("model")) }) { (call, model) throws(Problem) in
                        let query = try EmbedQuery(call.head, model)
                        var request = try call.request(to: query.model, deadlines)
                        try request.wantFeatures()
                        return Intake(request: request) { (request, inference) throws(Problem) in
                            inference.inputs = try request.images(["image"]).map { .image($0) }
                            let receive = request.received
                            return { (results) throws(Problem) in
                                query.isBinary ? query.bytes(try results.answers()) : query.json(results, receive: receive)
                            }
                        }
                    })
            ],
            description: .embed, refusal: \.response)
    }
}

/// What the head of a request to `/embed` asks for.
private struct EmbedQuery: Sendable {
    var model: Model
    /// To the Euclidean norm 1.
    var isNormalized: Bool
    /// Rows of float32, little-endian, and nothing else.
    var isBinary: Bool

    init(_ head: RequestHead, _ model: Model) throws(Problem) {
        self.model = model
        let normalize = head.query("normalize") ?? "0"
        guard ["0", "1"].contains(normalize) else { throw .badParameter("normalize must be 0 or 1, not '\(normalize)'") }
        isNormalized = normalize == "1"
        isBinary = head.accepts("application/octet-stream")
    }

    func json(_ results: [Result<Inference, InferenceError>], receive: Duration) -> Response {
        .json(
            JSONWriter.text(
                ImageAnswer(model: model, results: results, receive: receive) { inference, writer in
                    writer.field("embedding", inference.embedding(isNormalized: isNormalized))
                }))
    }

    /// A row an image.
    func bytes(_ answers: [Inference]) -> Response {
        var body: [UInt8] = []
        for answer in answers {
            for value in answer.embedding(isNormalized: isNormalized) ?? [] {
                withUnsafeBytes(of: value.bitPattern.littleEndian) { body.append(contentsOf: $0) }
            }
        }
        return Response(status: 200, headers: [("Content-Type", "application/octet-stream")], body: body)
    }
}
