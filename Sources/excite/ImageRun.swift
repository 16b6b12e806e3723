import SENet
import Service
import Serving

/// A model that is run on image files, one after the other in full batches, with a bar that says how far it is.
struct ImageRun {
    var model: Model
    /// How many may wait is the run's own to say.
    var options: EnginePool.Options
    /// What is asked of every image.
    var ask: (inout InferenceRequest) -> Void = { _ in }

    /// An image without an answer.
    struct Failure {
        var file: String
        var detail: String
        /// For people: which file, and what is wrong with it.
        var message: String
    }

    /// - Parameter take: takes each image's index among the files, and its answer, in their order.
    /// - Returns: the images that have none.
    /// - Throws: what `take` throws, and `ModelError.engine`.
    func run(_ files: [String], take: (Int, Inference) throws -> Void) throws -> [Failure] {
        var options = options
        // `infer(all:)` bounds what waits.
        options.queue = .max
        let pool = try EnginePool(models: [model], options: options)
        defer { pool.close() }
        var progress = ProgressBar("", .images)
        defer { progress.finish() }
        var failures: [Failure] = []
        /// Those that could be read, in order.
        var (rest, submitted) = (files.indices, [Int]())
        try pool.infer(
            all: {
                while let index = rest.popFirst() {
                    do throws(ModelError) {
                        var request = InferenceRequest(inputs: [.image(try readFile(files[index]))], model: model)
                        ask(&request)
                        submitted.append(index)
                        return request
                    } catch {
                        failures.append(Failure(file: files[index], detail: "\(error)", message: "\(error)"))
                    }
                }
                return nil
            },
            answer: { number, result in
                let index = submitted[number]
                switch result {
                case .success(let inference): try take(index, inference)
                case .failure(let error):
                    let (file, detail) = (files[index], Problem(error).detail)
                    failures.append(Failure(file: file, detail: detail, message: "\(file): \(detail)"))
                }
                progress.update(index + 1, of: files.count)
            })
        return failures
    }
}
