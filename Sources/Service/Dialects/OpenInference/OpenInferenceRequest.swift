import FoundationEssentials
import HTTPServer
import SENet
import Serving

/// What a request to `infer` holds: one input, whose name is the client's to choose, since every model here has one.
struct OpenInferenceRequest: Sendable {
    var id: String?
    var inputs: [InferenceRequest.Input] = []
    /// At least one.
    var outputs: [Output] = []
    /// How long the client waits: `parameters.timeout`, in microseconds.
    var timeout: Duration?
    /// `parameters.priority`, as a model with two levels has it in Triton: 0 for the default, 1 for the first, more for the low one.
    var priority: Priority?

    /// An output that is asked for.
    struct Output: Sendable {
        var name: OpenInferenceOutput
        /// So many of its largest numbers, as text with their classes' names, in place of all.
        var classification: Int?
        var isBinary = false
    }

    /// Reads the body: JSON, perhaps with binary tensors behind it; or a lone tensor or image, where the JSON's declared length is 0.
    ///
    /// - Throws: for what is no request to this model.
    init(_ request: Request, _ model: Model) throws(Problem) {
        guard let part = request.parts.first, request.parts.count == 1, part.name == nil else {
            throw .badInference(request.parts.isEmpty ? "the request has no body" : "the body has to be JSON, not a form")
        }
        try self.init(part, headerLength: try Self.headerLength(request.head, body: part.count), model)
    }

    /// How much of the body is JSON.
    private static func headerLength(_ head: RequestHead, body: Int) throws(Problem) -> Int {
        guard let text = head.header("Inference-Header-Content-Length") else { return body }
        guard let length = Int(text), (0...body).contains(length) else {
            throw .badInference("Inference-Header-Content-Length must be from 0 to the body's length, \(body), not '\(text)'")
        }
        return length
    }

    /// - Parameter headerLength: how many of the body's bytes are JSON.
    init(_ body: Part, headerLength: Int, _ model: Model) throws(Problem) {
        var binary = BinaryTensors(body.slice(headerLength..<body.count))
        guard headerLength > 0 else {
            inputs = try binary.lone(for: model)
            outputs = [Output(name: .logits, isBinary: true)]
            return
        }
        let fields = body.slice(0..<headerLength).withBytes { bytes in
            Result { () throws(JSONError) in
                try JSONReader.read(bytes) { (reader) throws(JSONError) in try Self.read(&reader, model) }
            }
        }
        let input: OpenInferenceInput?
        do throws(JSONError) { (id, timeout, priority, input, outputs) = try fields.get() } catch { throw .badInference(error.description) }
        guard let input else { throw .badInference("there is no 'inputs' with the input in it") }
        inputs = try input.values(&binary, model)
        guard binary.count == 0 else { throw .badInference("the body has \(binary.count) bytes more than its inputs say") }
    }

    private typealias Fields = (id: String?, timeout: Duration?, priority: Priority?, input: OpenInferenceInput?, outputs: [Output])

    private static func read(_ reader: inout JSONReader, _ model: Model) throws(JSONError) -> Fields {
        var fields: Fields = (nil, nil, nil, nil, [])
        var allBinary = false
        /// Whether it is binary where it is said.
        var outputs: [(Output, isBinary: Bool?)] = []
        try reader.object { (reader, name) throws(JSONError) in
            switch name {
            case "id": fields.id = try reader.string()
            case "parameters":
                try reader.object { (reader, name) throws(JSONError) in
                    switch name {
                    case "timeout":
                        let microseconds = try reader.integer()
                        guard (0...86_400_000_000).contains(microseconds) else { throw reader.error("timeout must be from 0 to a day") }
                        // As Triton has it, 0 is none.
                        fields.timeout = microseconds > 0 ? .microseconds(microseconds) : nil
                    case "priority":
                        let level = try reader.integer()
                        guard level >= 0 else { throw reader.error("priority must not be negative") }
                        fields.priority = level > 0 ? level == 1 ? .normal : .low : nil
                    case "binary_data_output": allBinary = try reader.bool()
                    default: try reader.skip()
                    }
                }
            case "inputs":
                try reader.array { (reader) throws(JSONError) in
                    guard fields.input == nil else { throw reader.error("there is more than one input, but the model has one") }
                    fields.input = try OpenInferenceInput(&reader)
                }
            case "outputs":
                try reader.array { (reader) throws(JSONError) in
                    guard outputs.count < OpenInferenceOutput.allCases.count else {
                        throw reader.error("there are more outputs than the model has")
                    }
                    outputs.append(try output(&reader, model))
                }
            default: try reader.skip()
            }
        }
        fields.outputs = outputs.map { output, isBinary in
            var output = output
            output.isBinary = isBinary ?? allBinary
            return output
        }
        if fields.outputs.isEmpty { fields.outputs = [Output(name: .logits, isBinary: allBinary)] }
        return fields
    }

    private static func output(_ reader: inout JSONReader, _ model: Model) throws(JSONError) -> (Output, isBinary: Bool?) {
        var name: OpenInferenceOutput?
        var classification: Int?
        var isBinary: Bool?
        try reader.object { (reader, field) throws(JSONError) in
            switch field {
            case "name":
                let text = try reader.string()
                name = OpenInferenceOutput(rawValue: text)
                guard name != nil else {
                    let known = OpenInferenceOutput.allCases.map(\.rawValue).joined(separator: ", ")
                    throw reader.error("there is no output '\(text)'; there are: \(known)")
                }
            case "parameters":
                try reader.object { (reader, field) throws(JSONError) in
                    switch field {
                    case "classification":
                        let count = try reader.integer()
                        guard count >= 0 else { throw reader.error("classification must not be negative") }
                        classification = count > 0 ? min(count, model.plan.classes) : nil
                    case "binary_data": isBinary = try reader.bool()
                    default: try reader.skip()
                    }
                }
            default: try reader.skip()
            }
        }
        guard let name else { throw reader.error("an output has no name") }
        guard name != .features || classification == nil else { throw reader.error("features are no classes: they have no classification") }
        return (Output(name: name, classification: classification), isBinary)
    }
}

extension Problem {
    /// - Parameter detail: may quote what the client sent, however long that is.
    static func badInference(_ detail: String) -> Problem {
        Problem(400, "Bad inference request", code: "bad_inference_request", String(detail.prefix(500)))
    }
}
