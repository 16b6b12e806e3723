import SENet
import Serving

// What the Open Inference Protocol says of server and models.

/// A result that clients ask for by name.
enum OpenInferenceOutput: String, CaseIterable {
    /// The network's last numbers, (N, classes). What is given where nothing is asked for, and the only one in a model's metadata: Triton's
    /// clients want one.
    case logits
    /// What `/classify` gives as scores.
    case probabilities
    /// What the classifier reads.
    case features
}

struct ModelReadiness: JSONWritable {
    var name: String
    var isReady: Bool

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("name", name)
            $0.field("ready", isReady)
        }
    }
}

/// A line of the repository's index.
struct RepositoryEntry: JSONWritable {
    var status: ModelStatus
    /// Why the server cannot be asked; nil if it can.
    var notReady: String?

    /// Why it cannot be asked; nil if it can.
    private var unavailable: String? { notReady ?? (status.isOffered ? nil : status.error ?? status.state.rawValue) }

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("name", status.id.name)
            $0.field("version", status.id.versionText)
            $0.field("state", unavailable == nil ? "READY" : status.state == .loading ? "LOADING" : "UNAVAILABLE")
            $0.field("reason", unavailable ?? "")
        }
    }
}

/// An input or output in a model's metadata.
private struct TensorMetadata: JSONWritable {
    var name: String
    var shape: [Int]

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("name", name)
            $0.field("datatype", "FP32")
            $0.field("shape", shape)
        }
    }
}

/// The same in Triton's model configuration.
private struct TensorConfiguration: JSONWritable {
    var name: String
    var dimensions: [Int]
    /// Of an image.
    var format: String?
    var labels: String?

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("name", name)
            $0.field("data_type", "TYPE_FP32")
            $0.field("format", format)
            $0.field("dims", dimensions)
            $0.field("label_filename", labels)
        }
    }
}

extension JSONWriter {
    mutating func writeServerMetadata() {
        field("name", "excite")
        field("version", Build.version)
        field("extensions", ["binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics"])
    }

    /// The batch is free.
    mutating func writeMetadata(of model: Model, versions: [ModelID]) {
        let shape = model.plan.inputShape
        field("name", model.name)
        field("versions", versions.map(\.versionText))
        field("platform", "excite_\(model.plan.precision.rawValue)")
        field("inputs", [TensorMetadata(name: "input", shape: [-1, shape.channels, shape.height, shape.width])])
        field("outputs", [TensorMetadata(name: OpenInferenceOutput.logits.rawValue, shape: [-1, model.plan.classes])])
    }

    mutating func writeConfiguration(of model: Model, largestBatch: Int) {
        let shape = model.plan.inputShape
        field("name", model.name)
        field("platform", "excite_\(model.plan.precision.rawValue)")
        field("backend", "excite")
        field("max_batch_size", largestBatch)
        field(
            "input",
            [TensorConfiguration(name: "input", dimensions: [shape.channels, shape.height, shape.width], format: "FORMAT_NCHW")])
        field(
            "output",
            [TensorConfiguration(name: OpenInferenceOutput.logits.rawValue, dimensions: [model.plan.classes], labels: "labels.txt")])
    }

    mutating func writeStatistics(of model: Model, _ statistics: ModelStatistics) {
        field("model_stats", [NamedStatistics(model: model, statistics: statistics)])
    }
}

private struct NamedStatistics: JSONWritable {
    var model: Model
    var statistics: ModelStatistics

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("name", model.name)
            $0.field("version", model.id.versionText)
            $0.field("inference_count", statistics.succeeded.count)
            $0.field("execution_count", statistics.batches)
            $0.field(
                "inference_stats",
                [
                    "success": statistics.succeeded, "fail": statistics.failed, "queue": statistics.queue,
                    "compute_input": statistics.decode, "compute_infer": statistics.inference, "compute_output": Tally(),
                ])
            $0.field("batch_stats", [Tally]())
        }
    }
}

extension Tally: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("count", count)
            $0.field("ns", Int(total / .nanoseconds(1)))
        }
    }
}
