import CCURL
import DequeModule
import HTTPClient
import HTTPServer
import Logging
import Serving
import Threads

/// Sends the spans of sampled requests to a collector, in batches on a thread of its own: nobody who serves a request waits for it.
///
/// What waits is bounded: what a collector that is slow or down leaves no room for is dropped and counted.
package final class Tracer: Sendable {
    private struct State {
        var waiting: Deque<RequestTrace> = []
        /// When the first of those that wait came.
        var since: ContinuousClock.Instant?
        var isSending = false
        /// Set when the server ends: nobody waits any longer than that.
        var end: ContinuousClock.Instant?
    }

    /// Requests that may wait.
    private static let queueLimit = 2048
    /// Requests of a batch, and how long the first one waits for it to fill.
    private static let batchLimit = 128
    private static let batchDelay: Duration = .seconds(1)
    /// How often a batch is sent that the collector cannot take now, with pauses of 1, 2 and 4 seconds.
    private static let attempts = 4

    private let configuration: TracingConfiguration
    private let logger: Logger
    private let monitor = Monitor(State())
    private let arrival = Condition()
    private let departure = Condition()
    private let exported: Counter
    private let dropped: Counter

    /// - Throws: `ThreadError` if the system refuses a thread.
    package init(_ configuration: TracingConfiguration, metrics: Metrics, logger: Logger) throws {
        self.configuration = configuration
        self.logger = logger
        exported = metrics.counter("excite_traces_exported_total", help: "Requests whose spans a collector took.")
        dropped = metrics.counter(
            "excite_traces_dropped_total", help: "Sampled requests whose spans reached no collector, by reason.", labels: ["reason"],
            values: [["queue_full"], ["export_failed"]])
        try WorkerThread("traces") { [self] in run() }.detach()
    }

    /// Takes a request that is over, where it is sampled. Never waits.
    ///
    /// - Returns: the trace's id in hexadecimal; nil where the request is not traced.
    func trace(_ request: CompletedRequest, route: String, dialect: String) -> String? {
        let parent = TraceContext(request.head)
        let id = parent?.traceID ?? TraceContext.randomID(16)
        guard configuration.sampler.samples(id, parent: parent) else { return nil }
        let trace = RequestTrace(request, route: route, dialect: dialect, traceID: id, parent: parent)
        let (isTaken, isTime) = monitor.withLock { state in
            guard state.waiting.count < Self.queueLimit else { return (false, false) }
            state.waiting.append(trace)
            let isFirst = state.since == nil
            if isFirst { state.since = .now }
            return (true, isFirst || state.waiting.count == Self.batchLimit)
        }
        if !isTaken { dropped.add(["queue_full"]) }
        if isTime { arrival.signal() }
        return hexadecimal(id)
    }

    /// Sends what waits, but takes no longer than that.
    package func close(within duration: Duration) {
        let end = ContinuousClock.now + duration
        monitor.withLock { $0.end = end }
        arrival.signal()
        monitor.wait(on: departure) { state, now -> Waiting<Void> in
            (state.waiting.isEmpty && !state.isSending) || now >= end ? .done(()) : .wait(until: end)
        }
    }

    /// Until it is closed, and nothing waits.
    private func run() {
        while true {
            let batch = monitor.wait(on: arrival) { state, now -> Waiting<[RequestTrace]> in
                guard let since = state.since else { return state.end == nil ? .wait(until: nil) : .done([]) }
                let isTime = state.waiting.count >= Self.batchLimit || state.end != nil
                guard isTime || now >= since + Self.batchDelay else { return .wait(until: since + Self.batchDelay) }
                let batch = Array(state.waiting.prefix(Self.batchLimit))
                state.waiting.removeFirst(batch.count)
                state.since = state.waiting.isEmpty ? nil : now
                state.isSending = true
                return .done(batch)
            }
            guard !batch.isEmpty else { return }
            send(batch)
            monitor.withLock { $0.isSending = false }
            departure.broadcast()
        }
    }

    /// Whether the server has ended.
    private func isOver() -> Bool { monitor.withLock { $0.end }.map { $0 <= .now } ?? false }

    private func send(_ batch: [RequestTrace]) {
        let body = JSONWriter.text(OTLPTraces(resource: configuration.resource, traces: batch))
        for attempt in 1...Self.attempts {
            let failure = post(body)
            guard let failure else { return exported.add(by: Double(batch.count)) }
            guard failure.isTransient, attempt < Self.attempts, monitor.withLock({ $0.end == nil }) else {
                dropped.add(["export_failed"], by: Double(batch.count))
                logger.warning(
                    "spans were lost",
                    metadata: [
                        "requests": .stringConvertible(batch.count), "endpoint": .string(configuration.endpoint),
                        "reason": .string(failure.reason),
                    ])
                return
            }
            let next = ContinuousClock.now + .seconds(1 << (attempt - 1))
            monitor.wait(on: arrival) { state, now -> Waiting<Void> in
                now >= next || state.end != nil ? .done(()) : .wait(until: next)
            }
        }
    }

    private struct Failure {
        var reason: String
        /// Whether the same may succeed later (OTLP/HTTP, "Retryable Response Codes").
        var isTransient: Bool
    }

    /// Nil where the collector took it.
    private func post(_ body: [UInt8]) -> Failure? {
        do {
            let transfer = try Transfer(url: configuration.endpoint)
            try transfer.setHeaders(
                ["Content-Type: application/json", "Expect:", "User-Agent: excite/\(Build.version)"] + configuration.headers)
            try transfer.set(CURLOPT_TIMEOUT_MS, Int(configuration.timeout / .milliseconds(1)))
            if let authorities = configuration.authorities { try transfer.set(CURLOPT_CAINFO, authorities) }
            transfer.isAbandoned = { [self] in isOver() }
            try body.withUnsafeBytes { bytes in
                try transfer.setBody(bytes)
                try transfer.perform()
            }
            let status = transfer.status
            if (200...299).contains(status) { return nil }
            return Failure(reason: "the collector answered \(status)", isTransient: [429, 502, 503, 504].contains(status))
        } catch let failure as TransferFailure {
            return Failure(reason: failure.reason, isTransient: true)
        } catch {
            return Failure(reason: "\(error)", isTransient: false)
        }
    }
}
