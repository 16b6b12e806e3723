import HTTPServer

/// A protocol that clients speak: a translation at the edge, never a second path. It says its routes, which read a request into the pool's
/// and write its results, and how it words a refusal. Admission, batching, cancellation, the log and the metrics are the same for all.
package struct Dialect: Sendable {
    package var routes: [Route]
    /// An error in the protocol's own form.
    var refusal: @Sendable (Problem) -> Response
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

    /// When nobody waits any more for the answer to a request, counted from its first byte.
    ///
    /// - Parameter asked: how long the client says that it waits.
    func deadline(of head: RequestHead, asked: Duration?) -> ContinuousClock.Instant? {
        let wanted = asked ?? standard
        let limit = longest.map { min(wanted ?? $0, $0) } ?? wanted
        return limit.map { head.began + $0 }
    }
}
