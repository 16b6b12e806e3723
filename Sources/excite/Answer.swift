import Imaging
import Serving

/// The JSON of `/classify`: see the README for an example.
struct Answer: JSONWritable {
    var model: String
    /// One for each image of the request.
    var results: [Result<Classification, ClassificationError>]
    /// Until the request was here.
    var receive: Duration
    /// How much is told of the gates; nil for nothing.
    var gates: GateDetail?

    func write(to writer: inout JSONWriter) {
        let entries = results.map { Entry(result: $0, receive: receive, gates: gates) }
        writer.object { writer in
            writer.field("model", model)
            // Of a lone image without a list around it.
            if entries.count == 1 { entries[0].writeFields(to: &writer) } else { writer.field("results", entries) }
        }
    }

    /// One image's answer, or its error.
    struct Entry: JSONWritable {
        var result: Result<Classification, ClassificationError>
        var receive: Duration
        var gates: GateDetail?

        func write(to writer: inout JSONWriter) { writer.object(writeFields) }

        func writeFields(to writer: inout JSONWriter) {
            switch result {
            case .success(let classification):
                writer.field("predictions", classification.predictions)
                writer.field("image", classification.image)
                writer.field("timing_ms", Timing(classification, receive: receive))
                writer.field("batch_size", classification.batchSize)
                if let gates { writer.field("gates", classification.gates?.map { Gate($0, gates) }) }
            case .failure(let error): writer.field("error", Problem(error))
            }
        }
    }

    /// Milliseconds.
    private struct Timing: JSONWritable {
        var stages: [(String, Duration)]

        init(_ classification: Classification, receive: Duration) {
            stages = [
                ("receive", receive), ("decode", classification.decode), ("queue", classification.queue),
                ("inference", classification.inference),
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

extension Prediction: JSONWritable {
    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("label", label)
            $0.field("class", name)
            $0.field("index", index)
            $0.field("score", score)
        }
    }
}

extension ImageDescription: JSONWritable {
    func write(to writer: inout JSONWriter) {
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
