import HTTPServer
import Imaging
import Serving

/// What went wrong with a request, as a client is told: RFC 9457. The one place where an error becomes a status.
struct Problem: Error, JSONWritable {
    var status: Int
    var title: String
    var detail: String
    var code: String
    /// `Retry-After`, in seconds.
    var retryAfter: Int?

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("status", status)
            $0.field("title", title)
            $0.field("detail", detail)
            $0.field("code", code)
        }
    }

    init(_ status: Int, _ title: String, code: String, _ detail: String, retryAfter: Int? = nil) {
        self.status = status
        self.title = title
        self.detail = detail
        self.code = code
        self.retryAfter = retryAfter
    }

    init(_ error: ClassificationError) {
        switch error {
        case .image(let error):
            let detail = error.description
            switch error {
            case .empty: self.init(400, "Empty image", code: "empty_image", detail)
            case .corrupt: self.init(400, "Broken image", code: "broken_image", detail)
            case .unsupportedFormat: self.init(415, "Unsupported image format", code: "unsupported_format", detail)
            case .tooLarge: self.init(413, "Image too large", code: "image_too_large", detail)
            case .tooSlow: self.init(413, "Image too slow to decode", code: "image_too_slow", detail)
            }
        case .overloaded(let wait):
            self.init(429, "Overloaded", code: "overloaded", "as many images wait as may", after: wait)
        case .deadlineTooSoon(let wait):
            self.init(
                429, "Deadline too soon", code: "deadline_too_soon",
                "the answer would come after the deadline, by what waits before it; allow more time", after: wait)
        case .tooManyFromClient(let wait):
            self.init(
                429, "Too many requests", code: "too_many_requests", "this address has as many requests in flight as it may", after: wait)
        case .clientLeft:
            self.init(
                499, "Client left", code: "client_left",
                "the connection was closed, or half-closed, before the image's turn came; it was not run")
        case .deadlinePassed:
            self.init(504, "Deadline passed", code: "deadline_passed", "the request's deadline passed before its turn came; it was not run")
        case .unavailable:
            self.init(503, "Not available", code: "unavailable", "the server is loading or shutting down; try again", retryAfter: 1)
        }
    }

    private init(_ status: Int, _ title: String, code: String, _ detail: String, after wait: Duration) {
        let seconds = max(1, Int(wait.seconds.rounded(.up)))
        self.init(status, title, code: code, "\(detail); try again in \(seconds) s", retryAfter: seconds)
    }

    static func notFound(_ path: String) -> Problem {
        Problem(404, "Not found", code: "not_found", "there is nothing at \(path); POST an image to /classify")
    }

    static func badParameter(_ detail: String) -> Problem { Problem(400, "Bad parameter", code: "bad_parameter", detail) }

    /// The answer for a client.
    var response: Response {
        let headers = retryAfter.map { [("Retry-After", String($0))] } ?? []
        var response = Response.problem(status: status, title: title, detail: detail, code: code, headers: headers)
        response.context = self
        return response
    }
}
