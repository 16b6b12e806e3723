import HTTPServer
import SENet
import Serving

/// The body of a request to `:predict` or `:classify`.
struct TensorFlowServingRequest: Sendable {
    enum Verb: String, Sendable {
        case predict, classify
    }

    /// What the answer is to look like.
    enum Form: Sendable {
        /// `instances`: a row an image.
        case rows
        /// `inputs`: a column an output.
        case columns
        /// `examples`.
        case labels
    }

    private(set) var inputs: [InferenceRequest.Input] = []
    private(set) var form = Form.rows

    /// - Throws: for what is no such request to this model.
    init(_ request: Request, _ verb: Verb, _ model: Model) throws(Problem) {
        guard let part = request.parts.first, request.parts.count == 1, part.name == nil else {
            throw .badInference(request.parts.isEmpty ? "the request has no body" : "the body has to be JSON, not a form")
        }
        let read = part.withBytes { bytes in Result { () throws(JSONError) in try Self(bytes, verb, model.plan.inputShape) } }
        do throws(JSONError) { self = try read.get() } catch { throw .badInference(error.description) }
    }

    /// - Parameter shape: of the network's input.
    init(_ bytes: UnsafeRawBufferPointer, _ verb: Verb, _ shape: Shape) throws(JSONError) {
        var (inputs, form): ([InferenceRequest.Input], Form?) = ([], nil)
        try JSONReader.read(bytes) { (reader) throws(JSONError) in
            try reader.object { (reader, name) throws(JSONError) in
                switch (name, verb) {
                case ("signature_name", _):
                    let signature = try reader.string()
                    guard ["", "serving_default"].contains(signature) else {
                        throw reader.error("there is no signature '\(signature)', only 'serving_default'")
                    }
                case ("instances", .predict), ("examples", .classify), ("inputs", .predict):
                    guard form == nil else { throw reader.error("there are inputs already") }
                    form = name == "inputs" ? .columns : name == "examples" ? .labels : .rows
                    if name == "inputs" {
                        try Self.column(&reader, shape, &inputs)
                    } else {
                        try reader.array { (reader) throws(JSONError) in try Self.add(try Self.row(&reader, shape), &inputs, reader) }
                    }
                default: try reader.skip()
                }
            }
            guard let form else {
                throw reader.error(verb == .predict ? "there are neither 'instances' nor 'inputs'" : "there are no 'examples'")
            }
            guard !inputs.isEmpty else { throw reader.error("there is no image") }
            self.form = form
        }
        self.inputs = inputs
    }

    private static func add(
        _ input: InferenceRequest.Input, _ inputs: inout [InferenceRequest.Input], _ reader: JSONReader
    ) throws(JSONError) {
        guard inputs.count < InferenceRequest.largestCount else {
            throw reader.error("there are more than \(InferenceRequest.largestCount) images")
        }
        inputs.append(input)
    }

    /// One image: base64 as text or in an object under `b64`, or numbers in lists; perhaps in an object under a name of the client's choice.
    private static func row(_ reader: inout JSONReader, _ shape: Shape, isNamed: Bool = false) throws(JSONError) -> InferenceRequest.Input {
        switch try reader.kind() {
        case .string: return .image(try reader.base64())
        case .array:
            let (found, values) = try reader.tensor(limit: shape.count)
            return .tensor(try planar(values[...], found[...], shape, reader))
        case .object:
            var input: InferenceRequest.Input?
            try reader.object { (reader, name) throws(JSONError) in
                // What Google's platform has its clients count rows with.
                guard name != "key" else { return try reader.skip() }
                guard input == nil else { throw reader.error("there is more than one input, but the model has one") }
                guard name == "b64" || !isNamed else { throw reader.error("base64 is expected under 'b64'") }
                input = name == "b64" ? .image(try reader.base64()) : try row(&reader, shape, isNamed: true)
            }
            guard let input else { throw reader.error("an object has no image in it") }
            return input
        case .number, .bool, .null: throw reader.error("an image is expected here, as base64 or as numbers in lists")
        }
    }

    /// All images of the one input, which an object may name.
    private static func column(_ reader: inout JSONReader, _ shape: Shape, _ inputs: inout [InferenceRequest.Input]) throws(JSONError) {
        switch try reader.kind() {
        case .object:
            var isRead = false
            try reader.object { (reader, name) throws(JSONError) in
                guard !isRead else { throw reader.error("there is more than one input, but the model has one") }
                isRead = true
                if name == "b64" {
                    inputs.append(.image(try reader.base64()))
                } else if try reader.kind() == .array {
                    try column(&reader, shape, &inputs)
                } else {
                    inputs.append(try row(&reader, shape, isNamed: true))
                }
            }
        case .array:
            try reader.array { (reader) throws(JSONError) in try add(try row(&reader, shape, isNamed: true), &inputs, reader) }
        default: inputs.append(try row(&reader, shape))
        }
    }

    /// An image's numbers as the network takes them, (3, height, width), of these or of (height, width, 3).
    private static func planar(
        _ values: ArraySlice<Float>, _ found: ArraySlice<Int>, _ shape: Shape, _ reader: JSONReader
    ) throws(JSONError) -> [Float] {
        let (channels, height, width) = (shape.channels, shape.height, shape.width)
        if Array(found) == [channels, height, width] { return Array(values) }
        guard Array(found) == [height, width, channels] else {
            throw reader.error(
                "an image's numbers have to be (\(channels), \(height), \(width)) or (\(height), \(width), \(channels)), not \(Array(found))"
            )
        }
        return (0..<channels).flatMap { channel in
            (0..<height * width).map { values[values.startIndex + $0 * channels + channel] }
        }
    }
}

extension TensorFlowServingRequest.Form {
    /// Scores of all classes, or the five best labels.
    func answer(_ answers: [Inference], _ model: Model) -> Response {
        .json { writer in
            switch self {
            case .rows: writer.field("predictions", answers.map { $0.scores(of: model) })
            case .columns: writer.field("outputs", answers.map { $0.scores(of: model) })
            case .labels: writer.field("result", answers.map { $0.predictions(5, of: model).map { LabelAndScore(prediction: $0) } })
            }
        }
    }

    /// A list of two.
    private struct LabelAndScore: JSONWritable {
        var prediction: Prediction

        private enum Item: JSONWritable {
            case label(String)
            case score(Float)

            func write(to writer: inout JSONWriter) {
                switch self {
                case .label(let label): label.write(to: &writer)
                case .score(let score): score.write(to: &writer)
                }
            }
        }

        func write(to writer: inout JSONWriter) { writer.array([Item.label(prediction.label), .score(prediction.score)]) }
    }
}
