import Imaging
import Serving

/// The JSON of `/classify`: see the README for an example.
struct ClassifyAnswer: JSONWritable {
    var query: ClassifyQuery
    /// One for each image of the request.
    var results: [Result<Inference, InferenceError>]
    /// Until the request was here.
    var receive: Duration

    func write(to writer: inout JSONWriter) {
        let entries = results.map { Entry(query: query, result: $0, receive: receive) }
        writer.object { writer in
            writer.field("model", query.model.name)
            // Of a lone image without a list around it.
            if entries.count == 1 { entries[0].writeFields(to: &writer) } else { writer.field("results", entries) }
        }
    }

    /// One image's answer, or its error.
    struct Entry: JSONWritable {
        var query: ClassifyQuery
        var result: Result<Inference, InferenceError>
        var receive: Duration

        func write(to writer: inout JSONWriter) { writer.object(writeFields) }

        func writeFields(to writer: inout JSONWriter) {
            switch result {
            case .success(let inference):
                writer.field("predictions", inference.predictions(query.top, of: query.model))
                writer.field("image", inference.image)
                writer.field("timing_ms", Timing(inference, receive: receive))
                writer.field("batch_size", inference.batchSize)
                if let gates = query.gates { writer.field("gates", inference.gates?.map { Gate($0, gates) }) }
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

extension Prediction: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("label", label)
            $0.field("class", name)
            $0.field("index", index)
            $0.field("score", score)
            $0.field("synonyms", synonyms.isEmpty ? nil : synonyms)
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
