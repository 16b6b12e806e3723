import HTTPServer
import Serving

/// What one path answers to one method.
package struct Route: Sendable {
    /// `GET`, which answers HEAD too, `POST` or `PUT`.
    package var method: String
    package var path: PathPattern
    /// Asked every few seconds by machines, as probes and scrapes are: told in the log only to those who ask for it.
    package var isRoutine = false
    /// Answered without a key, too: a probe, or the page.
    var isOpen = false
    /// For who runs the server: where there is a port for that it is found there alone.
    var isAdministrative = false
    var action: Action

    enum Action: Sendable {
        /// Answered at once, from what the server knows.
        case page(@Sendable (Call) throws(Problem) -> Response)
        /// Answered later, on any thread.
        case task(@Sendable (Call, @escaping @Sendable (Result<Response, Problem>) -> Void) throws(Problem) -> Void)
        /// Answered by a model.
        case inference(Question)
    }

    /// In metrics: what asks the pool, whatever the dialect, is told apart from pages, probes and scrapes.
    enum Kind: String {
        case inference
        case other
    }

    var kind: Kind { if case .inference = action { .inference } else { .other } }
}

/// What the head of a request to a model says.
struct Question: Sendable {
    var deadlines: Deadlines
    /// Which model is meant.
    var model: @Sendable (Call) -> ModelReference
    /// What is asked of it.
    var intake: @Sendable (Call, Model) throws(Problem) -> Intake
}

extension Route.Action {
    static func inference(
        _ deadlines: Deadlines, model: @escaping @Sendable (Call) -> ModelReference,
        _ intake: @escaping @Sendable (Call, Model) throws(Problem) -> Intake
    ) -> Route.Action { .inference(Question(deadlines: deadlines, model: model, intake: intake)) }
}

/// A request's head, and what its path says.
struct Call: Sendable {
    var head: RequestHead
    /// The path's segments that stand for something, by name.
    var parameters: [String: String]
}

/// A request to the pool, as far as its head tells; the body says the rest.
struct Intake: Sendable {
    /// Without inputs.
    var request: InferenceRequest
    /// Puts the inputs that the body holds into the request, and says how its results are written.
    var read: @Sendable (Request, inout InferenceRequest) throws(Problem) -> Writer

    /// The answer for the results of all inputs, in their order. Throws where one input's error is the whole request's.
    typealias Writer = @Sendable ([Result<Inference, InferenceError>]) throws(Problem) -> Response
}
