import Glibc
import HTTPServer
import Serving

/// The spans of a request that is traced, made when it is over: of the request itself nothing is kept.
struct RequestTrace: Sendable {
    var traceID: [UInt8]
    /// What `tracestate` says.
    var state: String?
    /// The request's own, then those of its stages.
    var spans: [Span]

    init(_ request: CompletedRequest, route: String, dialect: String, traceID: [UInt8], parent: TraceContext?) {
        self.traceID = traceID
        state = parent?.state
        spans = SpanMaker(request: request, route: route, dialect: dialect, parent: parent).spans
    }
}

/// A stretch of work, as OpenTelemetry has it.
struct Span: Sendable {
    enum Kind: Int, Sendable {
        case `internal` = 1
        case server = 2
    }

    enum Value: Sendable, Equatable {
        case text(String)
        case number(Int)
    }

    var name: String
    var kind = Kind.internal
    var id: [UInt8]
    var parent: [UInt8]?
    /// Nanoseconds since 1970.
    var start: UInt64
    var end: UInt64
    var attributes: [(name: String, value: Value)] = []
    var isError = false
}

/// Makes spans of the times that a request has.
private struct SpanMaker {
    private static let methods: Set = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]

    let request: CompletedRequest
    let route: String
    let dialect: String
    let parent: TraceContext?
    /// When its last byte went out.
    private let ended = ContinuousClock.now
    /// The same by the calendar, in nanoseconds since 1970.
    private let endedUnix: UInt64

    init(request: CompletedRequest, route: String, dialect: String, parent: TraceContext?) {
        (self.request, self.route, self.dialect, self.parent) = (request, route, dialect, parent)
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        endedUnix = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// The request's span, then those of its stages.
    var spans: [Span] {
        let (head, root) = (request.head, TraceContext.randomID(8))
        func unix(_ instant: ContinuousClock.Instant) -> UInt64 { endedUnix - UInt64(max(0, (ended - instant) / .nanoseconds(1))) }
        var spans: [Span] = []
        func add(_ name: String, _ from: ContinuousClock.Instant, _ to: ContinuousClock.Instant, _ attributes: [(String, Span.Value)] = [])
        {
            spans.append(
                Span(
                    name: name, id: TraceContext.randomID(8), parent: root, start: unix(from), end: unix(max(from, to)),
                    attributes: attributes.map { (name: $0.0, value: $0.1) }))
        }
        let began = head.began
        var answerable = began
        if let received = request.received {
            add("receive", began, began + received, [("http.request.body.size", .number(request.bytesReceived))])
            answerable = began + received
        }
        let summary = request.context as? RequestSummary
        for (index, (times, batchSize)) in (summary?.times ?? []).enumerated() {
            let number: [(String, Span.Value)] = (summary?.images ?? 1) > 1 ? [("excite.input", .number(index))] : []
            if let decoded = times.decoded {
                add("queue", times.submitted, decoded.lowerBound, number)
                add("decode", decoded.lowerBound, decoded.upperBound, number)
                add("queue", decoded.upperBound, times.run.lowerBound, number)
            } else {
                add("queue", times.submitted, times.run.lowerBound, number)
            }
            add("inference", times.run.lowerBound, times.run.upperBound, number + [("excite.batch_size", .number(batchSize))])
            answerable = max(answerable, times.run.upperBound)
        }
        add("answer", answerable, ended, [("http.response.body.size", .number(request.bytesSent))])
        return [server(root, unix(began), summary)] + spans
    }

    /// Names as OpenTelemetry's conventions for HTTP servers have them: https://opentelemetry.io/docs/specs/semconv/http/http-spans/.
    private func server(_ id: [UInt8], _ start: UInt64, _ summary: RequestSummary?) -> Span {
        let head = request.head
        let method = Self.methods.contains(head.method) ? head.method : "_OTHER"
        var span = Span(
            name: "\(method == "_OTHER" ? "HTTP" : method)\(route == "other" ? "" : " \(route)")", kind: .server, id: id,
            parent: parent?.spanID, start: start, end: endedUnix)
        func add(_ name: String, _ value: Span.Value) { span.attributes.append((name, value)) }
        add("http.request.method", .text(method))
        add("url.path", .text(String(head.path.prefix(256))))
        if route != "other" { add("http.route", .text(route)) }
        add("http.response.status_code", .number(request.status))
        add("client.address", .text(head.clientAddress))
        add("excite.request_id", .text(request.id))
        if let problem = request.context as? Problem { add("error.type", .text(problem.code)) }
        if let summary {
            add("excite.dialect", .text(dialect))
            add("excite.model", .text(summary.model.name))
            add("excite.images", .number(summary.images))
            if summary.failed > 0 { add("excite.failed", .number(summary.failed)) }
            if summary.cached > 0 { add("excite.cached", .number(summary.cached)) }
        }
        // Of what is the client's fault a server's span is no error.
        span.isError = request.status >= 500
        return span
    }
}
