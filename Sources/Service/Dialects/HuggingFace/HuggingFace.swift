import HTTPServer
import SENet
import Serving

extension Dialect {
    /// The tasks of Hugging Face's inference API that take images: classification, and extraction of features.
    ///
    /// Source: huggingface.co/docs/inference-providers/tasks/image-classification; what `huggingface_hub.InferenceClient` sends.
    package static func huggingFace(deadlines: Deadlines) -> Dialect {
        func routes(_ paths: [PathPattern], _ task: @escaping @Sendable (HuggingFaceRequest, Model) -> HuggingFaceTask) -> [Route] {
            paths.map { path in
                Route(
                    method: "POST", path: path,
                    action: .inference(deadlines, model: { ModelReference($0.parameters["model"], ignoresOwner: true) }) {
                        (call, model) throws(Problem) in
                        return Intake(request: try call.request(to: model, deadlines)) { (request, inference) throws(Problem) in
                            let asked = try HuggingFaceRequest(request)
                            let task = task(asked, model)
                            inference.inputs = asked.images
                            if case .features = task { try inference.wantFeatures() }
                            // What JSON holds is a copy of the body, about as large, and counts as it does until it is answered.
                            return { [isBatch = asked.isBatch, share = request.share] (results) throws(Problem) in
                                try withExtendedLifetime(share) { () throws(Problem) in
                                    task.answer(try results.answers(), isBatch: isBatch, model)
                                }
                            }
                        }
                    })
            }
        }
        return Dialect(
            name: "hugging-face",
            routes: routes(["/", "/models/{model*}", "/pipeline/image-classification/{model*}"]) { asked, model in
                .classification(top: min(asked.top ?? 5, model.plan.classes), asked.function)
            }
                + routes(["/pipeline/image-feature-extraction/{model*}", "/pipeline/feature-extraction/{model*}"]) { asked, _ in
                    .features(isNormalized: asked.isNormalized)
                },
            description: .huggingFace, refusal: \.errorObject)
    }
}

/// What is made of a result.
enum HuggingFaceTask: Sendable {
    case classification(top: Int, HuggingFaceRequest.Function?)
    case features(isNormalized: Bool)

    func answer(_ answers: [Inference], isBatch: Bool, _ model: Model) -> Response {
        let rows = answers.map { Row(task: self, inference: $0, model: model) }
        // Features are a matrix, of one image too.
        if case .features = self { return .json(JSONWriter.text(rows)) }
        return .json(isBatch ? JSONWriter.text(rows) : rows.first.map(JSONWriter.text) ?? [])
    }

    /// One image's result.
    private struct Row: JSONWritable {
        var task: HuggingFaceTask
        var inference: Inference
        var model: Model

        func write(to writer: inout JSONWriter) {
            switch task {
            case .features(let isNormalized): writer.array(inference.embedding(isNormalized: isNormalized) ?? [])
            case .classification(let top, let function):
                let activation = function?.activation ?? model.source.configuration.outputActivation
                let best = Prediction.best(top, of: inference.logits, labels: model.labels, activation: activation)
                writer.array(
                    best.map { prediction in
                        Entry(
                            label: model.labels.descriptions[prediction.index],
                            score: function == .some(.none) ? inference.logits[prediction.index] : prediction.score)
                    })
            }
        }
    }

    private struct Entry: JSONWritable {
        /// The class's names in full, as a checkpoint's `id2label` has them.
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

/// The images of a request, and what is to be done with them: raw bytes, or JSON with base64 in it. The bytes say which.
struct HuggingFaceRequest: Sendable {
    var images: [InferenceRequest.Input] = []
    /// Whether they came as a list.
    var isBatch = false
    /// How many labels.
    var top: Int?
    var function: Function?
    /// Features to the Euclidean norm 1.
    var isNormalized = false

    /// What makes a score of a logit.
    enum Function: String {
        case softmax, sigmoid, none

        var activation: Configuration.OutputActivation? {
            switch self {
            case .softmax: .softmax
            case .sigmoid: .sigmoid
            case .none: nil
            }
        }
    }

    /// - Throws: for a body that holds no image.
    init(_ request: Request) throws(Problem) {
        let parts = try request.images(["inputs", "image", "file"])
        guard parts.count == 1, let part = parts.first, part.name == nil else {
            images = parts.map { .image($0) }
            isBatch = parts.count > 1
            return
        }
        let result: Result<HuggingFaceRequest, Problem>? = part.withBytes { bytes in
            let first = bytes.first { ![0x20, 0x0A, 0x0D, 0x09].contains($0) }
            guard first == UInt8(ascii: "{") else { return nil }
            do throws(Problem) { return .success(try HuggingFaceRequest(json: bytes)) } catch { return .failure(error) }
        }
        if let result { self = try result.get() } else { images = [.image(part)] }
    }

    init(json bytes: UnsafeRawBufferPointer) throws(Problem) {
        var asked = HuggingFaceRequest()
        do throws(JSONError) {
            try JSONReader.read(bytes) { (reader) throws(JSONError) in
                try reader.object { (reader, name) throws(JSONError) in
                    switch name {
                    case "inputs": try asked.readInputs(&reader)
                    case "parameters": try asked.readParameters(&reader)
                    // The client for features sends its parameters beside the inputs.
                    case "normalize": asked.isNormalized = try Self.flag(&reader)
                    default: try reader.skip()
                    }
                }
            }
        } catch {
            throw Problem(400, "Bad request", code: "bad_request", error.description)
        }
        guard !asked.images.isEmpty else {
            throw Problem(
                400, "No image", code: "no_image", "there is no image in 'inputs': send it there in base64, or as the body itself")
        }
        self = asked
    }

    private init() {}

    private mutating func readInputs(_ reader: inout JSONReader) throws(JSONError) {
        guard try reader.kind() == .array else {
            images = [try Self.image(&reader)]
            return
        }
        isBatch = true
        var images: [InferenceRequest.Input] = []
        try reader.array { (reader) throws(JSONError) in
            guard images.count < InferenceRequest.largestCount else {
                throw reader.error("there are more than \(InferenceRequest.largestCount) images")
            }
            images.append(try Self.image(&reader))
        }
        self.images = images
    }

    /// Base64, alone or in a `data:` URL (RFC 2397).
    private static func image(_ reader: inout JSONReader) throws(JSONError) -> InferenceRequest.Input {
        let (range, _) = try reader.rawString()
        let text = reader.raw(range)
        func begins(with word: StaticString) -> Bool {
            text.prefix(word.utf8CodeUnitCount).elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
        }
        guard !begins(with: "http:"), !begins(with: "https:") else {
            throw reader.error("this server fetches nothing: send the image itself, in base64, in place of its URL")
        }
        var encoded = text[...]
        if begins(with: "data:") {
            guard let comma = text.firstIndex(of: UInt8(ascii: ",")), text[..<comma].suffix(7).elementsEqual(";base64".utf8) else {
                throw reader.error("a data: URL has to be in base64")
            }
            encoded = text[(comma + 1)...]
        }
        guard let bytes = Base64.decode(UnsafeRawBufferPointer(rebasing: encoded)) else { throw reader.error("an image is no base64") }
        return .image(bytes)
    }

    private mutating func readParameters(_ reader: inout JSONReader) throws(JSONError) {
        guard try reader.kind() != .null else { return try reader.null() }
        var (top, function, isNormalized) = (top, function, isNormalized)
        try reader.object { (reader, name) throws(JSONError) in
            guard try reader.kind() != .null else { return try reader.null() }
            switch name {
            case "top_k":
                let count = try reader.integer()
                guard count > 0 else { throw reader.error("top_k must be at least 1") }
                top = count
            case "function_to_apply":
                let text = try reader.string()
                function = Function(rawValue: text)
                guard function != nil else { throw reader.error("function_to_apply must be softmax, sigmoid or none, not '\(text)'") }
            case "normalize": isNormalized = try reader.bool()
            default: try reader.skip()
            }
        }
        (self.top, self.function, self.isNormalized) = (top, function, isNormalized)
    }

    private static func flag(_ reader: inout JSONReader) throws(JSONError) -> Bool {
        guard try reader.kind() != .null else {
            try reader.null()
            return false
        }
        return try reader.bool()
    }
}
