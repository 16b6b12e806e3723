import Foundation
import SENet
import Serving

@testable import Service

/// JSON: what can be read can be passed over, and numbers are the standard library's.
func readJSON(_ bytes: UnsafeRawBufferPointer) {
    func value(_ reader: inout JSONReader) throws(JSONError) {
        switch try reader.kind() {
        case .object: try reader.object { (reader, _) throws(JSONError) in try value(&reader) }
        case .array: try reader.array { (reader) throws(JSONError) in try value(&reader) }
        case .string: _ = try reader.string()
        case .number:
            let start = reader.position
            let number = try reader.float()
            let text = String(decoding: reader.raw(start..<reader.position), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            require(Float(text)?.bitPattern == number.bitPattern, "\(text) is not \(number)")
        case .bool: _ = try reader.bool()
        case .null: try reader.null()
        }
    }
    let isRead = Result { () throws(JSONError) in try JSONReader.read(bytes) { (reader) throws(JSONError) in try value(&reader) } }
    if case .success = isRead {
        let isPassed = Result { () throws(JSONError) in try JSONReader.read(bytes) { (reader) throws(JSONError) in try reader.skip() } }
        if case .failure(let error) = isPassed { fatalError("read, but not passed over: \(error)") }
    }
    _ = try? JSONReader.read(bytes) { (reader) throws(JSONError) in try reader.tensor(limit: 1000) }
    _ = try? JSONReader.read(bytes) { (reader) throws(JSONError) in try reader.base64() }
}

/// A request of the Open Inference Protocol; the first byte says how much of the rest is JSON.
func readInference(_ bytes: UnsafeRawBufferPointer) {
    guard let model = fuzzedModel, let first = bytes.first else { return }
    let body = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
    let length = first == 255 ? body.count : min(body.count, Int(first) * 4)
    guard let request = try? OpenInferenceRequest(body, headerLength: length, model) else { return }
    require(!request.outputs.isEmpty && !request.inputs.isEmpty, "a request for nothing")
    for case .tensor(let values) in request.inputs { require(values.count == model.plan.inputShape.count, "a tensor of another size") }
}

/// Small, its weights made up.
private let fuzzedModel: Model? = {
    let json = """
        {"architecture": "seresnet18", "num_classes": 4, "model_args": {"layers": [1, 1, 1, 1], "channels": [16, 16, 16, 16]},
         "pretrained_cfg": {"input_size": [3, 32, 32]}}
        """
    Engine.prepareProcess()
    return (try? Configuration(json: Data(json.utf8))).flatMap { try? Model(ModelSource(configuration: $0), threads: 1) }
}()
