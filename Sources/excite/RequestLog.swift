import HTTPServer
import Logging
import Serving

/// What a request's log line says of its images.
struct RequestSummary: Sendable {
    var model: String
    var images: Int
    var first: Classification?

    init(model: String, _ results: [Result<Classification, ClassificationError>]) {
        self.model = model
        images = results.count
        first = results.lazy.compactMap { try? $0.get() }.first
    }
}

/// Counts each finished request and writes its log line.
struct RequestLog: Sendable {
    let logger: Logger
    let metrics: Metrics

    init(logger: Logger, metrics: Metrics) {
        self.logger = logger
        self.metrics = metrics
        metrics.declare(.counter, "excite_requests_total", help: "Requests, by route and status.", labels: ["route", "status"])
        metrics.declareHistogram(
            "excite_request_seconds", help: "From a request's first byte to its answer's last.", labels: ["route"],
            buckets: Metrics.durations)
        metrics.declareHistogram(
            "excite_receive_seconds", help: "From a request's first byte to the end of its body.", labels: ["route"],
            buckets: Metrics.durations)
    }

    func completed(_ request: CompletedRequest) {
        let route = Routes.label(request.head.path)
        metrics.add("excite_requests_total", [route, String(request.status)])
        metrics.observe("excite_request_seconds", [route], request.duration.seconds)
        if let received = request.received { metrics.observe("excite_receive_seconds", [route], received.seconds) }
        // Probes and scrapes come every few seconds: they are told only to those who ask.
        let level: Logger.Level = route == "/classify" || route == "other" || request.status >= 500 ? .info : .debug
        guard level >= logger.logLevel else { return }
        var fields: Logger.Metadata = [
            "id": .string(request.id), "route": .string(route), "status": .stringConvertible(request.status),
            "client": .string(request.head.clientAddress), "bytes": .stringConvertible(request.bytesReceived),
            "total_ms": milliseconds(request.duration),
        ]
        if let trace = request.head.header("traceparent") { fields["traceparent"] = .string(trace) }
        if let received = request.received { fields["receive_ms"] = milliseconds(received) }
        if !request.delivered { fields["delivered"] = "false" }
        if let summary = request.context as? RequestSummary {
            fields["model"] = .string(summary.model)
            if summary.images > 1 { fields["images"] = .stringConvertible(summary.images) }
            if let first = summary.first {
                fields["image"] = .string("\(first.image.format.rawValue) \(first.image.width)x\(first.image.height)")
                fields["decode_ms"] = milliseconds(first.decode)
                fields["queue_ms"] = milliseconds(first.queue)
                fields["inference_ms"] = milliseconds(first.inference)
                fields["batch"] = .stringConvertible(first.batchSize)
                if let best = first.predictions.first { fields["label"] = .string(best.label) }
            }
        }
        logger.log(level: level, "request", metadata: fields)
    }

    private func milliseconds(_ duration: Duration) -> Logger.Metadata.Value {
        .stringConvertible((duration.seconds * 1000).rounded(decimals: 2))
    }
}
