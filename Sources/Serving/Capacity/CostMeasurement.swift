import Imaging
import SENet
import Threads

/// Measures on this machine what a model's images take: as in a pool, with all lanes at work beside each other.
public struct CostMeasurement: Sendable {
    let model: Model
    let options: EnginePool.Options
    let images: [[UInt8]]
    /// Of which a network's inputs are made.
    private let crops: [DecodedImage]

    /// - Parameter images: files, of which there is one at least.
    /// - Throws: `UnusableImage` if one cannot be decoded.
    public init(_ model: Model, options: EnginePool.Options, images: [[UInt8]]) throws(UnusableImage) {
        precondition(!images.isEmpty, "nothing to measure with")
        self.model = model
        self.options = options
        self.images = images
        var crops: [DecodedImage] = []
        for (index, image) in images.enumerated() {
            do throws(ImageError) {
                let crop = try decode(image, model, options)
                if crops.count < options.largestBatch { crops.append(crop) }
            } catch {
                throw UnusableImage(index: index, error: error)
            }
        }
        self.crops = crops
    }

    /// One of the images that cannot be decoded.
    public struct UnusableImage: Error {
        public let index: Int
        public let error: ImageError
    }

    /// - Parameters:
    ///   - seconds: how long runs are measured, and how long decoding; every size is measured three times at least.
    ///   - limit: larger batches than the first whose run takes longer are not measured.
    /// - Throws: `ModelError.engine` if memory or threads cannot be had.
    public func measure(seconds: Double, limit: Duration) throws(ModelError) -> MeasuredCosts {
        let lanes = try onThreads(options.sessions) { () throws(ModelError) -> [[Double]] in
            try measureRuns(seconds: seconds, limit: limit.seconds)
        }
        // Every lane has measured the first sizes; one may have gone on where another's run took too long.
        let sizes = lanes.map(\.count).min() ?? 0
        let decodes = try onThreads(options.sessions * options.threadsPerSession) { () throws(ModelError) -> [Double] in
            measureDecoding(seconds: seconds)
        }
        return MeasuredCosts(runs: (0..<sizes).map { size in lanes.flatMap { $0[size] } }, decodes: decodes.flatMap(\.self))
    }

    /// The sizes in turns, so that what disturbs the machine for a while disturbs all of them.
    private func measureRuns(seconds: Double, limit: Double) throws(ModelError) -> [[Double]] {
        let workspace = try Workspace(threads: options.threadsPerSession)
        let session = try Session(plan: model.plan, workspace: workspace, largestBatch: options.largestBatch)
        func run(_ images: Int) -> Double {
            let started = ContinuousClock.now
            session.fill(images: images) { index, input in
                model.preprocessing.normalize(crops[index % crops.count].image, into: input)
            }
            session.run(images: images)
            return (ContinuousClock.now - started).seconds
        }
        var runs: [[Double]] = []
        for images in 1...options.largestBatch {
            // The first run of a size finds memory and caches cold.
            _ = run(images)
            runs.append([run(images)])
            if runs[images - 1][0] > limit { break }
        }
        let started = ContinuousClock.now
        while runs[0].count < 3 || (ContinuousClock.now - started).seconds < seconds {
            for images in 1...runs.count {
                runs[images - 1].append(run(images))
            }
        }
        return runs
    }

    private func measureDecoding(seconds: Double) -> [Double] {
        let started = ContinuousClock.now
        var (decodes, index) = ([Double](), 0)
        while decodes.count < images.count || (ContinuousClock.now - started).seconds < seconds {
            let began = ContinuousClock.now
            // It was decoded before.
            _ = try? decode(images[index % images.count], model, options)
            decodes.append((ContinuousClock.now - began).seconds)
            index += 1
        }
        return decodes
    }

    /// Runs a body on so many threads at once.
    private func onThreads<Value: Sendable>(
        _ count: Int, _ body: @escaping @Sendable () throws(ModelError) -> Value
    ) throws(ModelError) -> [Value] {
        let results = Mutex<[Result<Value, ModelError>]>([])
        do throws(ThreadError) {
            var threads: [WorkerThread] = []
            defer { for thread in threads { thread.join() } }
            for number in 0..<count {
                threads.append(
                    try WorkerThread("measure \(number)", isPatient: true) {
                        let result = Result(catching: body)
                        results.withLock { $0.append(result) }
                    })
            }
        } catch {
            throw ModelError(error)
        }
        var values: [Value] = []
        for result in results.withLock({ $0 }) { values.append(try result.get()) }
        return values
    }
}

private func decode(_ image: [UInt8], _ model: Model, _ options: EnginePool.Options) throws(ImageError) -> DecodedImage {
    try image.withUnsafeBytes { bytes in
        Result { () throws(ImageError) in try options.decoder.crop(bytes, for: model.preprocessing) }
    }.get()
}
