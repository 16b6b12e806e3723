import HTTPServer
import Logging
import Serving

/// What a request's log line says of its images.
package struct RequestSummary: Sendable {
    var model: Model
    var images: Int
    var failed: Int
    /// Images that were answered from the cache.
    var cached: Int
    package var first: Inference?
    /// When the first of them were run, and with how many others each.
    var times: [(Inference.Times, batchSize: Int)]

    init(_ model: Model, _ results: [Result<Inference, InferenceError>]) {
        self.model = model
        let answers = results.compactMap { try? $0.get() }
        images = results.count
        failed = results.count - answers.count
        cached = answers.count(where: \.isCached)
        first = answers.first
        times = answers.prefix(16).compactMap { answer in answer.times.map { ($0, answer.batchSize) } }
    }
}

/// Counts each finished request and writes its log line.
package struct RequestLog: Sendable {
    private let logger: Logger
    private let gateway: Gateway
    /// Nil where nothing is traced.
    private let tracer: Tracer?
    private let requests: Counter
    private let duration: BucketHistogram
    private let receive: BucketHistogram
    private let flood = FloodGate()

    package init(_ gateway: Gateway, logger: Logger, metrics: Metrics, tracer: Tracer? = nil) {
        self.gateway = gateway
        self.tracer = tracer
        self.logger = logger
        requests = metrics.counter(
            "excite_requests_total", help: "Requests, by route, kind (inference or other), dialect and status.",
            labels: ["route", "kind", "dialect", "status"])
        duration = metrics.histogram(
            "excite_request_seconds", help: "From a request's first byte to its answer's last.", labels: ["route", "kind"])
        receive = metrics.histogram(
            "excite_receive_seconds", help: "From a request's first byte to the end of its body.", labels: ["route", "kind"])
    }

    package func completed(_ request: CompletedRequest) {
        let (route, kind, dialect, isRoutine) = gateway.route(of: request.head)
        requests.add([route, kind, dialect, String(request.status)])
        duration.observe([route, kind], request.duration.seconds)
        if let received = request.received { receive.observe([route, kind], received.seconds) }
        // A probe every few seconds is nothing to look into, unless it fails.
        let traceID = isRoutine && request.status < 500 ? nil : tracer?.trace(request, route: route, dialect: dialect)
        let level: Logger.Level = isRoutine && request.status < 500 ? .debug : .info
        guard level >= logger.logLevel else { return }
        let passage = flood.pass(request.status, at: .now)
        report(passage.held)
        if passage.isOpen { logger.log(level: level, "request", metadata: fields(request, route, dialect, traceID)) }
    }

    /// Says what was held back and not yet told.
    package func flush() { report(flood.flush()) }

    private func report(_ held: [FloodGate.Held]) {
        for held in held {
            logger.warning(
                "more requests of this status, not logged one by one",
                metadata: ["status": .stringConvertible(held.status), "requests": .stringConvertible(held.count)])
        }
    }

    private func fields(_ request: CompletedRequest, _ route: String, _ dialect: String, _ traceID: String?) -> Logger.Metadata {
        var fields: Logger.Metadata = [
            "id": .string(request.id), "route": .string(route), "status": .stringConvertible(request.status),
            "client": .string(request.head.clientAddress), "bytes": .stringConvertible(request.bytesReceived),
            "total_ms": milliseconds(request.duration),
        ]
        if let key = gateway.keyName(of: request.head) { fields["key"] = .string(key) }
        if request.context is RequestSummary { fields["dialect"] = .string(dialect) }
        if let traceID { fields["trace_id"] = .string(traceID) }
        // As an id is: what would disturb the log, or swell it, is not carried.
        if let trace = request.head.header("traceparent"), trace.utf8.count <= 128, trace.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            fields["traceparent"] = .string(trace)
        }
        if let received = request.received { fields["receive_ms"] = milliseconds(received) }
        if !request.delivered { fields["delivered"] = "false" }
        if let problem = request.context as? Problem { fields["code"] = .string(problem.code) }
        if let summary = request.context as? RequestSummary {
            fields["model"] = .string(summary.model.id.description)
            if summary.images > 1 { fields["images"] = .stringConvertible(summary.images) }
            if summary.failed > 0 { fields["failed"] = .stringConvertible(summary.failed) }
            if summary.cached > 0 { fields["cached"] = .stringConvertible(summary.cached) }
            if let first = summary.first {
                if let image = first.image { fields["image"] = .string("\(image.format.rawValue) \(image.width)x\(image.height)") }
                fields["decode_ms"] = milliseconds(first.decode)
                fields["queue_ms"] = milliseconds(first.queue)
                fields["inference_ms"] = milliseconds(first.inference)
                fields["batch"] = .stringConvertible(first.batchSize)
                if let best = first.predictions(1, of: summary.model).first { fields["label"] = .string(best.label) }
            }
        }
        return fields
    }

    private func milliseconds(_ duration: Duration) -> Logger.Metadata.Value {
        .stringConvertible((duration.seconds * 1000).rounded(decimals: 2))
    }
}
