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

    private let values = Mutex<(phase: Phase, store: ModelStore?)>((.loading, nil))

    package var phase: Phase {
        get { values.withLock { $0.phase } }
        set { values.withLock { $0.phase = newValue } }
    }

    /// The models; nil before the first begins to load. Still there while draining: until the socket closes, requests are served.
    package var store: ModelStore? {
        get { values.withLock { $0.store } }
        set { values.withLock { $0.store = newValue } }
    }

    /// What classifies for clients: nil until the self-test has passed, so that nobody gets an answer that was found wrong, and no
    /// client's image stands in the self-test's way.
    package var servingStore: ModelStore? {
        values.withLock { values in
            switch values.phase {
            case .ready, .draining: values.store
            case .loading, .failed: nil
            }
        }
    }

    /// Ready, unless a signal came first.
    package func becomeReady() {
        values.withLock { if $0.phase == .loading { $0.phase = .ready } }
    }

    /// A model that failed its self-test has been replaced by one that did not.
    package func recover() {
        values.withLock { values in
            if case .failed = values.phase, values.store?.isServing == true { values.phase = .ready }
        }
    }

    /// Why the server is not ready; nil if it is.
    package var notReady: String? {
        switch phase {
        case .loading: "loading the model"
        case .ready: store?.isServing == false ? "there is no model to serve" : nil
        case .failed(let reason): "the self-test failed: \(reason)"
        case .draining: "shutting down"
        }
    }
}
