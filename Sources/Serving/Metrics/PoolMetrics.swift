/// What a pool counts.
struct PoolMetrics {
    let images: Counter
    let heavyImages: Counter
    let rejected: Counter
    let admitted: Counter
    let batches: Counter
    let batchSize: BucketHistogram
    let decode: BucketHistogram
    let queue: BucketHistogram
    let inference: BucketHistogram

    /// Why an input got no answer of the network.
    enum Rejection: String, CaseIterable {
        case queueFull = "queue_full"
        case deadlineTooSoon = "deadline_too_soon"
        case tooManyFromClient = "client_limit"
        case tooMuchDecodingForClient = "client_decode_budget"
        case decodeTimeTooLong = "decode_budget"
        case decodeMemoryTooLarge = "decode_memory"
        case deadlinePassed = "deadline_passed"
        case clientLeft = "client_left"
        case badImage = "bad_image"
        case badTensor = "bad_tensor"
        case unavailable

        init(_ error: InferenceError) {
            switch error {
            case .overloaded: self = .queueFull
            case .deadlineTooSoon: self = .deadlineTooSoon
            case .tooManyFromClient: self = .tooManyFromClient
            case .tooMuchDecodingForClient: self = .tooMuchDecodingForClient
            case .decodeTimeTooLong: self = .decodeTimeTooLong
            case .decodeMemoryTooLarge: self = .decodeMemoryTooLarge
            case .deadlinePassed: self = .deadlinePassed
            case .clientLeft: self = .clientLeft
            case .image: self = .badImage
            case .tensor: self = .badTensor
            case .unavailable: self = .unavailable
            }
        }
    }

    init(_ metrics: Metrics) {
        images = metrics.counter("excite_images_total", help: "Images decoded, by format.", labels: ["format"])
        heavyImages = metrics.counter("excite_heavy_images_total", help: "Images that decoders of heavy images took.")
        rejected = metrics.counter(
            "excite_rejected_total", help: "Inputs not answered by the network, by reason.", labels: ["reason"],
            values: Rejection.allCases.map { [$0.rawValue] })
        admitted = metrics.counter(
            "excite_inputs_total", help: "Inputs accepted, or refused at once, by priority.", labels: ["priority", "outcome"],
            values: Priority.allCases.flatMap { [[$0.rawValue, "accepted"], [$0.rawValue, "refused"]] })
        batches = metrics.counter(
            "excite_batches_total", help: "Batches run, by why they were released.", labels: ["released"],
            values: BatchPolicy.Release.allCases.map { [$0.rawValue] })
        batchSize = metrics.histogram(
            "excite_batch_size", help: "Inputs a batch.", labels: ["model"], buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])
        decode = metrics.histogram("excite_decode_seconds", help: "Decoding, resizing and cropping one image.")
        queue = metrics.histogram("excite_queue_seconds", help: "An input's waiting: for a decoder and for a session.")
        inference = metrics.histogram("excite_inference_seconds", help: "Running one batch.", labels: ["model"])
    }

    func reject(_ error: InferenceError, inputs: Int = 1) {
        rejected.add([Rejection(error).rawValue], by: Double(inputs))
    }

    func admit(_ request: InferenceRequest, inputs: Int, isRefused: Bool) {
        admitted.add([request.priority.rawValue, isRefused ? "refused" : "accepted"], by: Double(inputs))
    }

    /// A batch has been run.
    func ran(_ model: Model, images: Int, _ release: BatchPolicy.Release, _ duration: Duration) {
        batches.add([release.rawValue])
        batchSize.observe([model.id.description], Double(images))
        inference.observe([model.id.description], duration.seconds)
    }

    /// An input has been run that waited so long and, if it is an image, took so long to decode.
    func waited(_ duration: Duration, decode: Duration?) {
        if let decode { self.decode.observe([], decode.seconds) }
        queue.observe([], duration.seconds)
    }
}

extension EnginePool {
    /// Lets go of what was counted of a model that will not be served any more: labels do not pile up.
    public func forgetMetrics(of id: ModelID) {
        metrics.batchSize.forget([id.description])
        metrics.inference.forget([id.description])
    }

    /// What is looked up when it is asked for, of the models that are there then.
    func declareReadings(_ metrics: Metrics) {
        let read = { @Sendable [weak self] (value: @Sendable (ServedModel, Admission) -> Double) -> [[String]: Double] in
            guard let self else { return [:] }
            // Two may have one name while the one takes the other's place.
            return monitor.withLock { state in
                Dictionary(state.models.all.map { ([$0.model.id.description], value($0, state.admission)) }, uniquingKeysWith: +)
            }
        }
        metrics.reading(.gauge, "excite_queue_depth", help: "Inputs that wait for their turn.", labels: ["model"]) {
            read { served, _ in Double(served.waiting.count) }
        }
        metrics.reading(
            .gauge, "excite_low_priority_queue_depth", help: "Those of them that are of low priority.", labels: ["model"]
        ) {
            read { served, _ in Double(served.waiting.lowCount) }
        }
        metrics.reading(
            .gauge, "excite_queue_limit", help: "Waiting inputs at which more requests are refused with 429.", labels: ["model"]
        ) {
            read { served, admission in served.phase == .serving ? Double(admission.limit(served.cost)) : 0 }
        }
        metrics.reading(.gauge, "excite_capacity", help: "Inputs a second that full load is measured to get through.", labels: ["model"]) {
            read { served, admission in served.phase == .serving ? served.cost.throughput(lanes: admission.lanes) : 0 }
        }
        metrics.reading(.gauge, "excite_queue_age_seconds", help: "How long the input has waited that waits longest.") { [weak self] in
            self?.monitor.withLock { $0.models.oldest }.map { (ContinuousClock.now - $0).seconds } ?? 0
        }
        metrics.reading(.gauge, "excite_heavy_queue_depth", help: "Heavy images that wait to be decoded.") { [weak self] in
            Double(self?.monitor.withLock(\.heavy.waiting) ?? 0)
        }
        metrics.reading(.gauge, "excite_decode_memory_bytes", help: "Memory that all decoders hold, as estimated.") { [weak self] in
            Double(self?.monitor.withLock(\.decodeMemory) ?? 0)
        }
        metrics.reading(.gauge, "excite_decode_memory_limit_bytes", help: "Memory that all decoders may hold.") { [options] in
            Double(options.decodeMemory)
        }
        metrics.reading(.gauge, "excite_images_in_flight", help: "Inputs accepted and not yet answered.") { [weak self] in
            Double(self?.unanswered ?? 0)
        }
    }
}
