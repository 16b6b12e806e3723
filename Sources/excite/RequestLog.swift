import HTTPServer
import Logging
import Serving

/// What a request's log line says of its images.
struct RequestSummary: Sendable {
    var model: String
    var images: Int
    var failed: Int
    var first: Classification?

    init(model: String, _ results: [Result<Classification, ClassificationError>]) {
        self.model = model
        let answers = results.compactMap { try? $0.get() }
        images = results.count
        failed = results.count - answers.count
        first = answers.first
    }
}

/// Counts each finished request and writes its log line.
struct RequestLog: Sendable {
    let logger: Logger
    private let requests: Counter
    private let duration: Histogram
    private let receive: Histogram
    private let flood = FloodGate()

    init(logger: Logger, metrics: Metrics) {
        self.logger = logger
        requests = metrics.counter("excite_requests_total", help: "Requests, by route and status.", labels: ["route", "status"])
        duration = metrics.histogram(
            "excite_request_seconds", help: "From a request's first byte to its answer's last.", labels: ["route"])
        receive = metrics.histogram(
            "excite_receive_seconds", help: "From a request's first byte to the end of its body.", labels: ["route"])
    }

    func completed(_ request: CompletedRequest) {
        let route = Routes.label(request.head.path)
        requests.add([route, String(request.status)])
        duration.observe([route], request.duration.seconds)
        if let received = request.received { receive.observe([route], received.seconds) }
        // Probes and scrapes come every few seconds: they are told only to those who ask.
        let level: Logger.Level = route == "/classify" || route == "other" || request.status >= 500 ? .info : .debug
        guard level >= logger.logLevel else { return }
        let passage = flood.pass(request.status, at: .now)
        report(passage.held)
        if passage.isOpen { logger.log(level: level, "request", metadata: fields(request, route)) }
    }

    /// Says what was held back and not yet told.
    func flush() { report(flood.flush()) }

    private func report(_ held: [FloodGate.Held]) {
        for held in held {
            logger.warning(
                "more requests of this status, not logged one by one",
                metadata: ["status": .stringConvertible(held.status), "requests": .stringConvertible(held.count)])
        }
    }

    private func fields(_ request: CompletedRequest, _ route: String) -> Logger.Metadata {
        var fields: Logger.Metadata = [
            "id": .string(request.id), "route": .string(route), "status": .stringConvertible(request.status),
            "client": .string(request.head.clientAddress), "bytes": .stringConvertible(request.bytesReceived),
            "total_ms": milliseconds(request.duration),
        ]
        // As an id is: what would disturb the log, or swell it, is not carried.
        if let trace = request.head.header("traceparent"), trace.utf8.count <= 128, trace.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            fields["traceparent"] = .string(trace)
        }
        if let received = request.received { fields["receive_ms"] = milliseconds(received) }
        if !request.delivered { fields["delivered"] = "false" }
        if let problem = request.context as? Problem { fields["code"] = .string(problem.code) }
        if let summary = request.context as? RequestSummary {
            fields["model"] = .string(summary.model)
            if summary.images > 1 { fields["images"] = .stringConvertible(summary.images) }
            if summary.failed > 0 { fields["failed"] = .stringConvertible(summary.failed) }
            if let first = summary.first {
                fields["image"] = .string("\(first.image.format.rawValue) \(first.image.width)x\(first.image.height)")
                fields["decode_ms"] = milliseconds(first.decode)
                fields["queue_ms"] = milliseconds(first.queue)
                fields["inference_ms"] = milliseconds(first.inference)
                fields["batch"] = .stringConvertible(first.batchSize)
                if let best = first.predictions.first { fields["label"] = .string(best.label) }
            }
        }
        return fields
    }

    private func milliseconds(_ duration: Duration) -> Logger.Metadata.Value {
        .stringConvertible((duration.seconds * 1000).rounded(decimals: 2))
    }
}
