import HTTPServer
import Serving

extension Dialect {
    /// This server's own: `POST /classify`, images in, labels out.
    package static func classify(deadlines: Deadlines) -> Dialect {
        Dialect(
            name: "excite",
            routes: [
                Route(
                    method: "POST", path: "/classify",
                    action: .inference(deadlines, model: { ModelReference($0.head.query("model")) }) { (call, model) throws(Problem) in
                        let query = try ClassifyQuery(call.head, model)
                        var request = try call.request(to: query.model, deadlines)
                        request.wantsGates = query.gates != nil
                        request.wantsInput = query.showsInput
                        request.map = query.map
                        return Intake(request: request) { (request, inference) throws(Problem) in
                            inference.inputs = try request.images(["image"]).map { .image($0) }
                            let receive = request.received
                            return { results in
                                .json(
                                    JSONWriter.text(
                                        ImageAnswer(model: query.model, results: results, receive: receive, fields: query.write)))
                            }
                        }
                    })
            ],
            description: .classify, refusal: \.response)
    }
}

/// What the head of a request to `/classify` asks for.
struct ClassifyQuery: Sendable {
    var model: Model
    /// How many labels.
    var top: Int
    /// How much is told of the gates; nil for nothing.
    var gates: GateDetail?
    /// Whether the crop that the network saw is in the answer.
    var showsInput: Bool
    /// Which class's map is in the answer; nil for none.
    var map: MappedClass?

    init(_ head: RequestHead, _ model: Model) throws(Problem) {
        self.model = model
        let classes = model.plan.classes
        top = min(5, classes)
        if let text = head.query("top") {
            guard let number = Int(text), (1...classes).contains(number) else {
                throw .badParameter("top must be from 1 to \(classes), not '\(text)'")
            }
            top = number
        }
        if let text = head.query("gates"), text != "0" {
            gates = GateDetail(rawValue: text)
            guard gates != nil else { throw .badParameter("gates must be 1 or full, not '\(text)'") }
        }
        let input = head.query("input") ?? "0"
        guard ["0", "1"].contains(input) else { throw .badParameter("input must be 0 or 1, not '\(input)'") }
        showsInput = input == "1"
        if let text = head.query("map"), text != "0" { map = try MappedClass(text, of: model) }
    }
}

extension ClassifyQuery {
    /// Writes what was asked for into an image's entry.
    @Sendable func write(_ inference: Inference, to writer: inout JSONWriter) {
        writer.field("predictions", inference.predictions(top, of: model))
        if let gates { writer.field("gates", inference.gates?.map { GateSummary($0, gates) }) }
        writer.field(
            "input", inference.input.map { SeenInput(png: $0, preprocessing: model.preprocessing, image: inference.image) })
        writer.field("map", inference.map.map { SeenClass(map: $0, labels: model.labels) })
    }
}

extension Prediction: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("label", label)
            $0.field("class", name)
            $0.field("index", index)
            $0.field("score", score)
            $0.field("synonyms", synonyms.isEmpty ? nil : synonyms)
        }
    }
}
