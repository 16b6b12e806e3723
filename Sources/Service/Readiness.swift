import Serving
import Threads

/// Whether requests can be answered, and by what.
package final class Readiness: Sendable {
    package enum Phase: Sendable, Equatable {
        case loading
        case ready
        /// A model's self-test failed: it would answer wrongly.
        case failed(String)
        case draining
    }

    package init() {}

    private let values = Mutex<(phase: Phase, pool: EnginePool?)>((.loading, nil))

    package var phase: Phase {
        get { values.withLock { $0.phase } }
        set { values.withLock { $0.phase = newValue } }
    }

    /// The models and what runs them; nil while they load. Still there while draining: until the socket closes, requests are served.
    package var pool: EnginePool? {
        get { values.withLock { $0.pool } }
        set { values.withLock { $0.pool = newValue } }
    }

    /// What classifies for clients: nil until the self-test has passed, so that nobody gets an answer that was found wrong, and no
    /// client's image stands in the self-test's way.
    package var servingPool: EnginePool? {
        values.withLock { values in
            switch values.phase {
            case .ready, .draining: values.pool
            case .loading, .failed: nil
            }
        }
    }

    /// Ready, unless a signal came first.
    package func becomeReady() {
        values.withLock { if $0.phase == .loading { $0.phase = .ready } }
    }

    /// Why the server is not ready; nil if it is.
    package var notReady: String? {
        switch phase {
        case .loading: "loading the model"
        case .ready: nil
        case .failed(let reason): "the self-test failed: \(reason)"
        case .draining: "shutting down"
        }
    }
}
