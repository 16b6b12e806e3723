import HTTPServer
import Imaging
import Serving

/// What went wrong with a request, as a client is told. The one place where an error becomes a status; each dialect has its own form for it.
package struct Problem: Error, JSONWritable {
    package var status: Int
    package var title: String
    package var detail: String
    package var code: String
    /// `Retry-After`, `Allow`.
    package var headers: [(String, String)] = []

    package func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("status", status)
            $0.field("title", title)
            $0.field("detail", detail)
            $0.field("code", code)
        }
    }

    package init(_ status: Int, _ title: String, code: String, _ detail: String, retryAfter: Int? = nil) {
        self.status = status
        self.title = title
        self.detail = detail
        self.code = code
        if let retryAfter { headers = [("Retry-After", String(retryAfter))] }
    }

    package init(_ error: InferenceError) {
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
        case .tensor(let detail): self.init(400, "Bad tensor", code: "bad_tensor", detail)
        case .overloaded(let wait):
            self.init(429, "Overloaded", code: "overloaded", "as many images wait as may", after: wait)
        case .deadlineTooSoon(let wait):
            self.init(
                429, "Deadline too soon", code: "deadline_too_soon",
                "the answer would come after the deadline, by what waits before it; allow more time", after: wait)
        case .tooManyFromClient(let wait):
            self.init(
                429, "Too many requests", code: "too_many_requests", "this address has as many requests in flight as it may", after: wait)
        case .tooMuchDecodingForClient(let wait):
            self.init(
                429, "Too much decoding", code: "too_much_decoding",
                "images of this address that take long to decode are waiting, for as long as they may", after: wait)
        case .decodeTimeTooLong(let needed, let limit):
            self.init(
                413, "Images too slow to decode", code: "decode_budget",
                "decoding the request's images would take about \(needed.seconds.rounded(decimals: 1)) s, "
                    + "and \(limit.seconds.rounded(decimals: 1)) s are the limit; send fewer or smaller ones")
        case .decodeMemoryTooLarge(let needed, let limit):
            self.init(
                413, "Image takes too much memory", code: "decode_memory",
                "decoding the image takes about \(needed >> 20) MiB of memory, and \(limit >> 20) MiB are the limit; "
                    + "send it smaller, or as a baseline JPEG")
        case .clientLeft:
            self.init(
                499, "Client left", code: "client_left", "the connection was closed, or half-closed, before the image was run")
        case .deadlinePassed:
            self.init(504, "Deadline passed", code: "deadline_passed", "the request's deadline passed before it was run")
        case .unavailable:
            self.init(503, "Not available", code: "unavailable", "the server is loading or shutting down; try again", retryAfter: 1)
        }
    }

    private init(_ status: Int, _ title: String, code: String, _ detail: String, after wait: Duration) {
        let seconds = max(1, Int(wait.seconds.rounded(.up)))
        self.init(status, title, code: code, "\(detail); try again in \(seconds) s", retryAfter: seconds)
    }

    package init(_ refusal: Refusal) {
        self.init(refusal.status, refusal.title, code: refusal.code, refusal.detail)
        headers = refusal.headers
    }

    static func notFound(_ path: String) -> Problem {
        Problem(404, "Not found", code: "not_found", "there is nothing at \(path); POST an image to /classify, or see /openapi.json")
    }

    static func methodNotAllowed(_ head: RequestHead, allowed: [String]) -> Problem {
        let list = allowed.joined(separator: ", ")
        var problem = Problem(
            405, "Method not allowed", code: "method_not_allowed", "\(head.path) takes \(list), not \(head.method)")
        problem.headers = [("Allow", list)]
        return problem
    }

    static func badParameter(_ detail: String) -> Problem { Problem(400, "Bad parameter", code: "bad_parameter", detail) }

    /// `{"error": "…"}`, as several protocols have it.
    var errorObject: Response { .json(JSONWriter.text(["error": detail]), status: status) }

    /// As RFC 9457 has it.
    var response: Response {
        let text = JSONWriter.text(self) + [UInt8(ascii: "\n")]
        return Response(status: status, headers: [("Content-Type", "application/problem+json")], body: text)
    }
}
