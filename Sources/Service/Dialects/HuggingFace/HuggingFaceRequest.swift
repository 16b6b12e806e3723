import HTTPServer
import Serving

/// The body of a request: an image's bytes, or JSON with one image or a list of them in base64 or as data: URLs. The bytes tell which.
struct HuggingFaceRequest: Sendable {
    enum Task: Sendable {
        case imageClassification
        case featureExtraction
    }

    /// What the answer is to look like.
    struct Style: Sendable {
        /// Whether the images came in a list.
        var isList = false
        /// How many labels.
        var top = 5
        /// What makes scores of logits; nil for the model's own.
        var function: Function?
        var isNormalized = false
    }

    enum Function: String, CaseIterable {
        case softmax, sigmoid, none
    }

    private(set) var inputs: [InferenceRequest.Input] = []
    private(set) var style = Style()

    /// A batch is held to this many images before anything else is asked.
    private static let largestCount = 4096

    /// - Throws: for what is no such request.
    init(_ request: Request) throws(Problem) {
        let images = try request.images(["inputs", "image", "file"])
        let isJSON = images[0].withBytes { $0.first { !" \n\r\t".utf8.contains($0) } } == UInt8(ascii: "{")
        guard images.count == 1, images[0].name == nil, isJSON else {
            inputs = images.map { .image($0) }
            style.isList = images.count > 1
            return
        }
        let read = images[0].withBytes { bytes in Result { () throws(JSONError) in try Self(bytes) } }
        do throws(JSONError) { self = try read.get() } catch { throw .badInference(error.description) }
    }

    init(_ json: UnsafeRawBufferPointer) throws(JSONError) {
        var (inputs, style): ([InferenceRequest.Input], Style) = ([], Style())
        try JSONReader.read(json) { (reader) throws(JSONError) in
            try reader.object { (reader, name) throws(JSONError) in
                switch name {
                case "inputs":
                    guard inputs.isEmpty else { throw reader.error("there are inputs already") }
                    style.isList = try reader.kind() == .array
                    guard style.isList else { return inputs.append(.image(try Self.image(&reader))) }
                    try reader.array { (reader) throws(JSONError) in
                        guard inputs.count < Self.largestCount else {
                            throw reader.error("there are more than \(Self.largestCount) images")
                        }
                        inputs.append(.image(try Self.image(&reader)))
                    }
                case "parameters":
                    guard try reader.kind() == .object else { return try reader.null() }
                    try reader.object { (reader, name) throws(JSONError) in try style.read(name, &reader) }
                // Clients of feature extraction send parameters beside the inputs.
                default: try style.read(name, &reader)
                }
            }
            guard !inputs.isEmpty else { throw reader.error("there is no image under 'inputs'") }
        }
        (self.inputs, self.style) = (inputs, style)
    }

    /// An image's bytes, of base64 or of a data: URL with base64 in it.
    private static func image(_ reader: inout JSONReader) throws(JSONError) -> [UInt8] {
        var text = reader.raw(try reader.rawString().range)
        if text.starts(with: "data:".utf8) {
            guard let comma = text.firstIndex(of: UInt8(ascii: ",")), text[..<comma].suffix(7).elementsEqual(";base64".utf8) else {
                throw reader.error("a data: URL has to hold base64")
            }
            text = UnsafeRawBufferPointer(rebasing: text[(comma + 1)...])
        } else if text.starts(with: "http:".utf8) || text.starts(with: "https:".utf8) {
            throw reader.error("the server fetches no URLs; send the image's bytes, or base64 under 'inputs'")
        }
        guard let bytes = Base64.decode(text) else { throw reader.error("an image is expected here as base64 or as a data: URL") }
        return bytes
    }
}

extension HuggingFaceRequest.Style {
    fileprivate mutating func read(_ name: String, _ reader: inout JSONReader) throws(JSONError) {
        guard try reader.kind() != .null else { return try reader.null() }
        switch name {
        case "top_k":
            top = try reader.integer()
            guard top > 0 else { throw reader.error("top_k must be positive") }
        case "function_to_apply":
            let text = try reader.string()
            function = HuggingFaceRequest.Function(rawValue: text)
            guard function != nil else { throw reader.error("function_to_apply must be softmax, sigmoid or none, not '\(text)'") }
        case "normalize": isNormalized = try reader.bool()
        default: try reader.skip()
        }
    }

    func answer(_ task: HuggingFaceRequest.Task, _ answers: [Inference], _ model: Model) -> Response {
        switch task {
        // A row an image, as for a text that is embedded.
        case .featureExtraction: .json(JSONWriter.text(answers.map { $0.embedding(isNormalized: isNormalized) ?? [] }))
        case .imageClassification:
            .json(
                isList
                    ? JSONWriter.text(answers.map { labels(of: $0, model) }) : JSONWriter.text(answers.flatMap { labels(of: $0, model) }))
        }
    }

    private func labels(of inference: Inference, _ model: Model) -> [Label] {
        let best = inference.predictions(min(top, model.plan.classes), of: model)
        guard let function else { return best.map { Label(label: $0.label, score: $0.score) } }
        let scores: [Float] =
            switch function {
            case .softmax: Prediction.scores(of: inference.logits, activation: .softmax)
            case .sigmoid: Prediction.scores(of: inference.logits, activation: .sigmoid)
            case .none: inference.logits
            }
        return best.map { Label(label: $0.label, score: scores[$0.index]) }
    }

    private struct Label: JSONWritable {
        var label: String
        var score: Float

        func write(to writer: inout JSONWriter) {
            writer.object {
                $0.field("label", label)
                $0.field("score", score)
            }
        }
    }
}
