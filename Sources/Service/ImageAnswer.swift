import Imaging
import Serving

/// The JSON of this server's own answers for images: see the README for an example.
struct ImageAnswer: JSONWritable {
    var model: Model
    /// One for each image of the request.
    var results: [Result<Inference, InferenceError>]
    /// Until the request was here.
    var receive: Duration
    /// What was asked of an image: the first fields of its entry.
    var fields: @Sendable (Inference, inout JSONWriter) -> Void

    func write(to writer: inout JSONWriter) {
        let entries = results.map { Entry(result: $0, receive: receive, fields: fields) }
        writer.object { writer in
            writer.field("model", model.name)
            writer.field("version", model.id.version)
            // Of a lone image without a list around it.
            if entries.count == 1 { entries[0].writeFields(to: &writer) } else { writer.field("results", entries) }
        }
    }

    /// One image's answer, or its error.
    private struct Entry: JSONWritable {
        var result: Result<Inference, InferenceError>
        var receive: Duration
        var fields: @Sendable (Inference, inout JSONWriter) -> Void

        func write(to writer: inout JSONWriter) { writer.object(writeFields) }

        func writeFields(to writer: inout JSONWriter) {
            switch result {
            case .success(let inference):
                fields(inference, &writer)
                writer.field("image", inference.image)
                writer.field("timing_ms", Timing(inference, receive: receive))
                writer.field("batch_size", inference.batchSize)
            case .failure(let error): writer.field("error", Problem(error))
            }
        }
    }

    /// Milliseconds.
    private struct Timing: JSONWritable {
        var stages: [(String, Duration)]

        init(_ inference: Inference, receive: Duration) {
            stages = [
                ("receive", receive), ("decode", inference.decode), ("queue", inference.queue),
                ("inference", inference.inference),
            ]
            stages.append(("total", stages.reduce(.zero) { $0 + $1.1 }))
        }

        func write(to writer: inout JSONWriter) {
            writer.object { writer in
                for (name, duration) in stages { writer.field(name, (duration.seconds * 1000).rounded(decimals: 3)) }
            }
        }
    }
}

extension ImageDescription: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("format", format.rawValue)
            $0.field("width", width)
            $0.field("height", height)
            $0.field("orientation", orientation.rawValue)
            $0.field("mode", colorMode.rawValue)
            // What was passed over.
            $0.field("warnings", warnings.isEmpty ? nil : warnings)
        }
    }
}
