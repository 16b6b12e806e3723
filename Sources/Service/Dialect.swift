import HTTPServer
import Serving

/// A protocol that clients speak: a translation at the edge, never a second path. It says its routes, which read a request into the pool's
/// and write its results, and how it words a refusal. Admission, batching, cancellation, the log and the metrics are the same for all.
package struct Dialect: Sendable {
    /// In the log and in metrics.
    package var name: String
    package var routes: [Route]
    var description = APIDescription()
    /// An error in the protocol's own form.
    var refusal: @Sendable (Problem) -> Response
}

extension Dialect {
    /// All that are spoken, the server's own first.
    ///
    /// - Parameters:
    ///   - asksForKeys: whether requests need a key, which is described.
    ///   - isAdministered: whether clients may have models loaded and unloaded.
    ///   - hasAdminPort: whether the page's charts are at that port alone.
    package static func all(
        deadlines: Deadlines, readiness: Readiness, metrics: Metrics, asksForKeys: Bool = false, isAdministered: Bool = false,
        page: PageContent = .full, hasAdminPort: Bool = false
    ) -> [Dialect] {
        let dialects: [Dialect] = [
            .classify(deadlines: deadlines), .embed(deadlines: deadlines),
            .openInference(deadlines: deadlines, readiness: readiness, isAdministered: isAdministered),
            .torchServe(deadlines: deadlines, readiness: readiness),
            .tensorFlowServing(deadlines: deadlines, readiness: readiness), .huggingFace(deadlines: deadlines),
            .page(page, hasAdminPort: hasAdminPort),
        ]
        return dialects + [.operations(readiness: readiness, metrics: metrics, beside: dialects, asksForKeys: asksForKeys)]
    }
}

/// How long requests may wait; nil for as long as it takes.
package struct Deadlines: Sendable {
    /// Of those that do not say.
    var standard: Duration?
    /// Of all.
    var longest: Duration?

    package init(standard: Duration? = nil, longest: Duration? = nil) {
        self.standard = standard
        self.longest = longest
    }

    /// When nobody waits any more for the answer to a request, by what its head says: `X-Deadline-Ms`.
    func deadline(of head: RequestHead) throws(Problem) -> ContinuousClock.Instant? {
        guard let text = head.header("X-Deadline-Ms") else { return deadline(of: head, asked: nil) }
        guard let number = Int(text), number > 0, number <= 86_400_000 else {
            throw .badParameter("X-Deadline-Ms must be a positive number of milliseconds, not '\(text)'")
        }
        return deadline(of: head, asked: .milliseconds(number))
    }

    /// The same, counted from the request's first byte.
    ///
    /// - Parameter asked: how long the client says that it waits; nil where it does not say.
    func deadline(of head: RequestHead, asked: Duration?) -> ContinuousClock.Instant? {
        let wanted = asked ?? standard
        let limit = longest.map { min(wanted ?? $0, $0) } ?? wanted
        return limit.map { head.began + $0 }
    }
}
