import Foundation
import Serving

@testable import HTTPServer
@testable import SENet
@testable import Service

/// A text, as JSON of any kind and as a tensor: what is taken is JSON to Foundation as well, and numbers are those that the C library reads.
func readJSON(_ bytes: UnsafeRawBufferPointer) {
    let isSkipped = (try? JSONReader.read(bytes) { (reader) throws(JSONError) in try reader.skip() }) != nil
    let isRead = (try? JSONReader.read(bytes) { (reader) throws(JSONError) in try readValue(&reader) }) != nil
    require(isSkipped || !isRead, "read, but not passed over")
    if isRead {
        let value = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
        require(value != nil, "read, but no JSON")
    }
    if let decoded = try? JSONReader.read(bytes, { (reader) throws(JSONError) in try reader.base64() }) {
        require(decoded.count <= bytes.count / 4 * 3 + 3, "more bytes than base64 has room for")
    }
    let tensor = try? JSONReader.read(bytes) { (reader) throws(JSONError) in try reader.tensor(limit: 4096) }
    guard let (shape, values) = tensor else { return }
    require(shape.reduce(1, *) == values.count, "\(values.count) numbers of shape \(shape)")
    // By bytes: the two of a line break are one character.
    let words = bytes.split { "[], \n\r\t".utf8.contains($0) }.map { String(decoding: $0, as: UTF8.self) }
    require(words.count == values.count, "\(values.count) numbers of \(words.count) words")
    for (word, value) in zip(words, values) {
        require(strtof(word, nil).bitPattern == value.bitPattern, "\(word) is read as \(value)")
    }
}

private func readValue(_ reader: inout JSONReader) throws(JSONError) {
    switch try reader.kind() {
    case .object: try reader.object { (reader, _) throws(JSONError) in try readValue(&reader) }
    case .array: try reader.array { (reader) throws(JSONError) in try readValue(&reader) }
    case .string: _ = try reader.string()
    case .number: _ = try reader.float()
    case .bool: _ = try reader.bool()
    case .null: try reader.null()
    }
}

/// Bytes as the body of a request.
private func body(_ bytes: UnsafeRawBufferPointer) -> Part? {
    guard let share = try? BodyMemory(ServerConfiguration()).share(expecting: 0, of: "") else { return nil }
    let buffer = BodyBuffer(share: share)
    guard (try? buffer.append(bytes, expecting: 0)) != nil else { return nil }
    return Part(name: nil, filename: nil, contentType: nil, buffer: buffer, range: 0..<bytes.count)
}

/// Binary tensors. The first byte says how many, and whether they are numbers or strings.
func readTensors(_ bytes: UnsafeRawBufferPointer) {
    guard let first = bytes.first, let body = body(UnsafeRawBufferPointer(rebasing: bytes.dropFirst())) else { return }
    let count = Int(first >> 1)
    var binary = BinaryTensors(body)
    if first & 1 == 0 {
        guard let elements = try? binary.elements(count, size: body.count) else { return }
        require(elements.reduce(0) { $0 + $1.count + 4 } == body.count && elements.count == count, "elements that are not all of the bytes")
    } else {
        guard let tensors = try? binary.tensors(count, of: 3, size: body.count) else { return }
        require(tensors.count == count && tensors.allSatisfy { $0.valueCount == 3 } && body.count == 12 * count, "tensors of another size")
    }
    require(binary.count == 0, "bytes are left")
}

/// The smallest that there may be, so that a tensor fits an input of libFuzzer's.
private let model: Model = {
    let json = """
        {"architecture": "seresnet18", "num_classes": 4, "model_args": {"layers": [1, 1, 1, 1], "channels": [16, 16, 16, 16]},
         "pretrained_cfg": {"input_size": [3, 32, 32]}}
        """
    Engine.prepareProcess()
    let model = Result { try Model(ModelSource(configuration: Configuration(json: Data(json.utf8))), threads: 1) }
    switch model {
    case .success(let model): return model
    case .failure(let error): fatalError("\(error)")
    }
}()

/// A request of the Open Inference Protocol. The first two bytes say how many of the others are JSON.
func readInference(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= 2, let body = body(UnsafeRawBufferPointer(rebasing: bytes[2...])) else { return }
    let length = min(Int(bytes[0]) | Int(bytes[1]) << 8, body.count)
    guard let request = try? OpenInferenceRequest(body, headerLength: length, model) else { return }
    require((1...4096).contains(request.inputs.count) && (1...3).contains(request.outputs.count), "a request without inputs or outputs")
    for case .tensor(let values) in request.inputs { require(values.valueCount == model.plan.inputShape.count, "a tensor of another size") }
}

/// JSON of TensorFlow Serving's, to `:predict` and to `:classify`: what is taken holds images or tensors of the network's size.
func readTensorFlow(_ bytes: UnsafeRawBufferPointer) {
    let shape = Shape(channels: 3, height: 2, width: 2)
    for verb in [TensorFlowServingRequest.Verb.predict, .classify] {
        guard let request = try? TensorFlowServingRequest(bytes, verb, shape) else { continue }
        require((1...4096).contains(request.inputs.count), "a request without inputs")
        for case .tensor(let values) in request.inputs { require(values.valueCount == shape.count, "a tensor of another size") }
    }
}

/// JSON of Hugging Face's.
func readHuggingFace(_ bytes: UnsafeRawBufferPointer) {
    guard let request = try? HuggingFaceRequest(json: bytes) else { return }
    require(!request.images.isEmpty && request.images.count <= bytes.count && request.top ?? 1 > 0, "a request without images")
}
