import HTTPServer
import Imaging
import Serving

/// What went wrong with a request, as a client is told: RFC 9457. The one place where an error becomes a status.
struct Problem: Error, Encodable {
    var status: Int
    var title: String
    var detail: String
    var code: String
    /// `Retry-After`, in seconds.
    var retryAfter: Int?

    private enum CodingKeys: CodingKey {
        case status, title, detail, code
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
            let seconds = max(1, Int(wait.seconds.rounded(.up)))
            self.init(
                429, "Overloaded", code: "overloaded", "as many images wait as may; try again in \(seconds) s", retryAfter: seconds)
        case .deadlinePassed:
            self.init(504, "Deadline passed", code: "deadline_passed", "the request's deadline passed before its turn came; it was not run")
        case .unavailable:
            self.init(503, "Not available", code: "unavailable", "the server is loading or shutting down; try again", retryAfter: 1)
        }
    }

    static func notFound(_ path: String) -> Problem {
        Problem(404, "Not found", code: "not_found", "there is nothing at \(path); POST an image to /classify")
    }

    static func badParameter(_ detail: String) -> Problem { Problem(400, "Bad parameter", code: "bad_parameter", detail) }

    /// The answer for a client.
    var response: Response {
        let headers = retryAfter.map { [("Retry-After", String($0))] } ?? []
        return .problem(status: status, title: title, detail: detail, code: code, headers: headers)
    }
}
