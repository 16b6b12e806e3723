import HTTPServer
import SENet
import Serving

extension OpenInferenceRequest {
    /// The answer for all inputs.
    func answer(_ answers: [Inference], _ model: Model) -> Response {
        let tensors = outputs.map { OutputTensor($0, answers, model) }
        let binary = tensors.filter(\.isBinary).map(\.bytes)
        var writer = JSONWriter()
        writer.object {
            $0.field("model_name", model.name)
            $0.field("model_version", model.id.versionText)
            $0.field("id", id)
            $0.field("outputs", tensors)
        }
        guard !binary.isEmpty else { return .json(writer.bytes) }
        return Response(
            status: 200,
            headers: [
                ("Content-Type", "application/octet-stream"), ("Inference-Header-Content-Length", String(writer.bytes.count)),
            ],
            body: writer.bytes + binary.joined())
    }
}

/// An output of a batch.
private struct OutputTensor: JSONWritable {
    var name: String
    var isBinary: Bool
    var shape: [Int]
    var contents: Contents

    enum Contents {
        case numbers([Float])
        /// `value:index:label`.
        case classes([String])
    }

    init(_ output: OpenInferenceRequest.Output, _ inferences: [Inference], _ model: Model) {
        name = output.name.rawValue
        isBinary = output.isBinary
        let rows: [[Float]] = inferences.map { inference in
            switch output.name {
            case .logits: inference.logits
            case .probabilities: inference.scores(of: model)
            case .features: inference.features ?? []
            }
        }
        guard let count = output.classification else {
            shape = [rows.count, rows.first?.count ?? 0]
            contents = .numbers(Array(rows.joined()))
            return
        }
        shape = [rows.count, count]
        contents = .classes(
            zip(inferences, rows).flatMap { inference, row in
                inference.predictions(count, of: model).map { prediction in
                    // The name in full, as a line of Triton's file of labels.
                    "\(row[prediction.index]):\(prediction.index):\(model.labels.descriptions[prediction.index])"
                }
            })
    }

    /// As they stand behind the JSON.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        switch contents {
        case .numbers(let numbers):
            bytes.reserveCapacity(numbers.count * MemoryLayout<Float>.size)
            for number in numbers { withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes.append(contentsOf: $0) } }
        case .classes(let classes):
            for text in classes {
                withUnsafeBytes(of: UInt32(text.utf8.count).littleEndian) { bytes.append(contentsOf: $0) }
                bytes.append(contentsOf: text.utf8)
            }
        }
        return bytes
    }

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("name", name)
            switch contents {
            case .numbers: $0.field("datatype", "FP32")
            case .classes: $0.field("datatype", "BYTES")
            }
            $0.field("shape", shape)
            guard !isBinary else { return $0.field("parameters", ["binary_data_size": bytes.count]) }
            switch contents {
            case .numbers(let numbers): $0.field("data", numbers)
            case .classes(let classes): $0.field("data", classes)
            }
        }
    }
}
