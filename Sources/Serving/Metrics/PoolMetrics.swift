/// What a pool counts.
struct PoolMetrics {
    let images: Counter
    let rejected: Counter
    let batches: Counter
    let batchSize: Histogram
    let decode: Histogram
    let queue: Histogram
    let inference: Histogram

    /// Why an image was not classified.
    enum Rejection: String, CaseIterable {
        case queueFull = "queue_full"
        case deadlineTooSoon = "deadline_too_soon"
        case tooManyFromClient = "client_limit"
        case deadlinePassed = "deadline_passed"
        case clientLeft = "client_left"
        case badImage = "bad_image"
        case unavailable

        init(_ error: ClassificationError) {
            switch error {
            case .overloaded: self = .queueFull
            case .deadlineTooSoon: self = .deadlineTooSoon
            case .tooManyFromClient: self = .tooManyFromClient
            case .deadlinePassed: self = .deadlinePassed
            case .clientLeft: self = .clientLeft
            case .image: self = .badImage
            case .unavailable: self = .unavailable
            }
        }
    }

    init(_ metrics: Metrics) {
        images = metrics.counter("excite_images_total", help: "Images decoded, by format.", labels: ["format"])
        rejected = metrics.counter(
            "excite_rejected_total", help: "Images not classified, by reason.", labels: ["reason"],
            values: Rejection.allCases.map { [$0.rawValue] })
        batches = metrics.counter(
            "excite_batches_total", help: "Batches run, by why they were released.", labels: ["released"],
            values: Gathering.Release.allCases.map { [$0.rawValue] })
        batchSize = metrics.histogram(
            "excite_batch_size", help: "Images a batch.", labels: ["model"], buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])
        decode = metrics.histogram("excite_decode_seconds", help: "Decoding, resizing and cropping one image.")
        queue = metrics.histogram("excite_queue_seconds", help: "An image's waiting: for a decoder and for a session.")
        inference = metrics.histogram("excite_inference_seconds", help: "Running one batch.", labels: ["model"])
    }

    func reject(_ error: ClassificationError, images: Int = 1) {
        rejected.add([Rejection(error).rawValue], by: Double(images))
    }
}

extension EnginePool {
    /// What is looked up when it is asked for.
    func declareReadings(_ metrics: Metrics) {
        let names = models.map(\.name)
        let read = { @Sendable [weak self] (value: @Sendable (State, Int) -> Double) -> [[String]: Double] in
            guard let self else { return [:] }
            return monitor.withLock { state in
                Dictionary(names.indices.map { ([names[$0]], value(state, $0)) }) { first, _ in first }
            }
        }
        metrics.reading(.gauge, "excite_queue_depth", help: "Images that wait for their turn.", labels: ["model"]) {
            read { Double($0.queue.count(model: $1)) }
        }
        metrics.reading(
            .gauge, "excite_queue_limit", help: "Waiting images at which more requests are refused with 429.", labels: ["model"]
        ) {
            read { Double($0.admission.limit(model: $1)) }
        }
        metrics.reading(.gauge, "excite_capacity", help: "Images a second that full load is measured to get through.", labels: ["model"]) {
            read { $0.admission.throughput(model: $1) }
        }
        metrics.reading(.gauge, "excite_queue_age_seconds", help: "How long the image has waited that waits longest.") { [weak self] in
            self?.monitor.withLock { $0.queue.oldest }.map { (ContinuousClock.now - $0).seconds } ?? 0
        }
        metrics.reading(.gauge, "excite_images_in_flight", help: "Images accepted and not yet answered.") { [weak self] in
            Double(self?.unanswered ?? 0)
        }
    }
}
