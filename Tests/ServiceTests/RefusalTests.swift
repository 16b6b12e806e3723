import Foundation
import Imaging
import Testing

@testable import Service
@testable import Serving

@Suite("Requests that are refused")
struct RefusalTests {
    private func cat() throws -> [UInt8] { try TestImages.jpeg("cat") }

    @Test("an unknown path is 404", arguments: ["/nothing", "/classify/", "/Classify", "/v2/models", "/favicon.ico"])
    func unknownPath(path: String) throws {
        let service = try TestService()
        expectProblem(try service.get(path), 404, code: "not_found")
        expectProblem(try service.post(path, [1, 2, 3]), 404, code: "not_found")
    }

    @Test(
        "another method is 405, and Allow says which are taken",
        arguments: [
            ("GET", "/classify", "POST"), ("HEAD", "/classify", "POST"), ("PUT", "/classify", "POST"), ("DELETE", "/models", "GET, HEAD"),
            ("POST", "/healthz", "GET, HEAD"), ("POST", "/metrics", "GET, HEAD"), ("PATCH", "/livez", "GET, HEAD"),
        ])
    func method(method: String, path: String, allowed: String) throws {
        let service = try TestService()
        let answer = try service.ask(method, path, body: method == "GET" || method == "HEAD" ? nil : [1])
        #expect(answer.header("Allow") == allowed)
        if method == "HEAD" { #expect(answer.status == 405) } else { expectProblem(answer, 405, code: "method_not_allowed") }
    }

    @Test("a number of predictions that makes no sense is 400", arguments: ["0", "-1", "11", "five", "", "1.5", "99999999999999999999"])
    func top(text: String) throws {
        let answer = try TestService().post("/classify?top=\(text)", try cat())
        expectProblem(answer, 400, code: "bad_parameter")
        #expect((answer.json["detail"] as? String)?.contains("from 1 to 10") == true)
    }

    @Test("gates in a way that there is not is 400", arguments: ["", "2", "FULL", "all"])
    func gates(text: String) throws {
        let answer = try TestService().post("/classify?gates=\(text)", try cat())
        expectProblem(answer, 400, code: "bad_parameter")
        #expect((answer.json["detail"] as? String)?.contains("gates must be 1 or full") == true)
    }

    @Test("a deadline that makes no sense is 400", arguments: ["0", "-5", "soon", "1e3", "86400001"])
    func badDeadline(text: String) throws {
        expectProblem(try TestService().post(headers: ["X-Deadline-Ms: \(text)"], try cat()), 400, code: "bad_parameter")
    }

    @Test("a priority is normal or low; the low one is refused while there is room for the others")
    func priority() throws {
        let service = try TestService { $0.queue = 2 }
        for text in ["high", "", "1"] {
            expectProblem(try service.post(headers: ["X-Priority: \(text)"], try cat()), 400, code: "bad_parameter")
        }
        #expect(try service.post(headers: ["X-Priority: low"], try cat()).status == 200)
        let gate = try service.holdDecoderAndQueue()
        expectProblem(try service.post(headers: ["X-Priority: low"], try cat()), 429, code: "overloaded")
        #expect(try service.pool.refuse(InferenceRequest(inputs: [], model: TestService.tiny.get())) == nil)
        gate.open()
    }

    @Test("an unknown model is 404, and those that are served are named")
    func unknownModel() throws {
        let answer = try TestService().post("/classify?model=resnet50", try cat())
        expectProblem(answer, 404, code: "unknown_model")
        #expect((answer.json["detail"] as? String)?.contains("seresnet18.tiny, seresnet18.other") == true)
    }

    @Test("a request without an image is 400, and says how to send one")
    func noImage() throws {
        let service = try TestService()
        for answer in [try service.ask("POST", "/classify"), try service.post([])] {
            expectProblem(answer, 400, code: "no_image")
            #expect((answer.json["detail"] as? String)?.contains("curl -F image=@") == true)
        }
        let answer = try service.post(Form([("photo", try cat()), ("note", [65])]))
        expectProblem(answer, 400, code: "no_image")
        #expect((answer.json["detail"] as? String)?.contains("photo, note") == true)
    }

    @Test("a broken form is 400")
    func brokenForm() throws {
        let form = Form(images: [try cat()])
        expectProblem(try TestService().post(headers: [Form.header], Array(form.body.dropLast(20))), 400, code: "bad_multipart")
    }

    @Test("a lone image that is broken is the request's error")
    func brokenImage() throws {
        let service = try TestService()
        for (body, status, code) in [
            (Array(try cat().prefix(9000)), 400, "broken_image"), (Array("hello".utf8), 415, "unsupported_format"),
        ] {
            expectProblem(try service.post(body), status, code: code)
            expectProblem(try service.post(Form(images: [body])), status, code: code)
        }
        expectProblem(try service.post(Form(images: [[]])), 400, code: "empty_image")
    }

    @Test("a body, a form or an image over its limit is 413")
    func limits() throws {
        let service = try TestService(
            options: { $0.decoder = ImageDecoder(limits: ImageLimits(pixels: 100_000)) },
            configure: {
                $0.bodyLimit = 60_000
                $0.partLimit = 2
            })
        expectProblem(try service.post([UInt8](repeating: 0, count: 60_001)), 413, code: "body_too_large")
        expectProblem(try service.post(Form(images: [[1], [2], [3]])), 413, code: "too_many_parts")
        expectProblem(try service.post(try cat()), 413, code: "image_too_large")
    }

    @Test("while as many images wait as may, more are 429, and Retry-After says when to come back")
    func overload() throws {
        let service = try TestService(options: { $0.queue = 1 })
        let gate = try service.holdDecoderAndQueue()
        let bodies = [Form(images: [try cat()]), Form(images: [try cat(), try cat()])]
        for form in bodies {
            let answer = try service.post(form)
            expectProblem(answer, 429, code: "overloaded")
            #expect(try #require(answer.header("Retry-After").flatMap { Int($0) }) >= 1)
        }
        let metrics = try Exposition(service.get("/metrics").text)
        #expect(metrics.value("excite_rejected_total", ["reason": "queue_full"]) == 2)
        gate.open()
        #expect(eventually { service.pool.unanswered == 0 })
        for _ in 0..<20 { #expect(try service.post(try cat()).status == 200) }
    }

    @Test("in every dialect an overload is 429 with Retry-After, and a deadline is looked at")
    func dialects() throws {
        let image = try cat()
        let base64 = Data(image).base64EncodedString()
        let requests: [(path: String, body: [UInt8])] = [
            ("/classify", image), ("/embed", image), ("/predictions/seresnet18.tiny", image), ("/", image),
            ("/v1/models/seresnet18.tiny:predict", Array("{\"instances\": [{\"b64\": \"\(base64)\"}]}".utf8)),
            ("/v1/models/seresnet18.tiny:classify", Array("{\"examples\": [{\"b64\": \"\(base64)\"}]}".utf8)),
        ]
        let service = try TestService(options: { $0.queue = 1 })
        for (path, body) in requests { #expect(try service.post(path, body).status == 200, "\(path)") }
        for (path, body) in requests {
            #expect(try service.ask("POST", path, headers: ["X-Deadline-Ms: 0"], body: body).status == 400, "\(path)")
        }
        let full = try service.holdDecoderAndQueue()
        for (path, body) in requests {
            let answer = try service.post(path, body)
            #expect(answer.status == 429 && answer.header("Retry-After") != nil, "\(path): \(answer.text)")
        }
        full.open()
        #expect(eventually { service.pool.unanswered == 0 })
    }

    @Test("many clients of a short queue are each answered or told to come back")
    func crowd() throws {
        let service = try TestService(options: { $0.queue = 1 })
        let clients = try (0..<24).map { _ in
            let client = try HTTPClient(port: service.server.port)
            client.send("POST", "/classify", body: try cat())
            return client
        }
        let statuses = try clients.map { try $0.read().status }
        #expect(Set(statuses).isSubset(of: [200, 429]))
        #expect(statuses.contains(200))
    }

    @Test("where the deadline passes before the image's turn comes, it is 504", arguments: ["header", "default", "longest"])
    func deadlinePassed(by what: String) throws {
        let wait: Duration = .milliseconds(500)
        let service = try TestService(
            deadlines: .init(standard: what == "default" ? wait : .seconds(3600), longest: what == "longest" ? wait : nil))
        let gate = try service.holdDecoder()
        let client = try HTTPClient(port: service.server.port)
        let started = ContinuousClock.now
        client.send("POST", "/classify", headers: what == "header" ? ["X-Deadline-Ms: 500"] : [], body: try cat())
        #expect(eventually { service.waiting == 1 })
        #expect(eventually { ContinuousClock.now > started + wait + .milliseconds(500) })
        gate.open()
        expectProblem(try client.read(), 504, code: "deadline_passed")
    }

    @Test("a deadline that cannot be met is 429 at once")
    func deadlineTooSoon() throws {
        let service = try TestService()
        let model = try TestService.tiny.get()
        service.pool.monitor.withLock { $0.models.update(model) { $0.cost.begin(seconds: 100) } }
        let answer = try service.post(headers: ["X-Deadline-Ms: 20000"], try cat())
        expectProblem(answer, 429, code: "deadline_too_soon")
        #expect(try #require(answer.header("Retry-After").flatMap { Int($0) }) > 80)
        #expect(try service.post(headers: ["X-Deadline-Ms: 3600000"], try cat()).status == 200)
    }

    @Test("a client over its limit of requests in flight is 429")
    func clientLimit() throws {
        let service = try TestService(options: { $0.clientRequests = 1 })
        let gate = try service.holdDecoder()
        let client = try HTTPClient(port: service.server.port)
        client.send("POST", "/classify", body: try cat())
        #expect(eventually { service.waiting == 1 })
        expectProblem(try service.post(try cat()), 429, code: "too_many_requests")
        gate.open()
        #expect(try client.read().status == 200)
        #expect(try service.post(try cat()).status == 200)
    }

    @Test("the image of a client that left is not decoded, and counted")
    func clientLeft() throws {
        let service = try TestService()
        let gate = try service.holdDecoder()
        do {
            let client = try HTTPClient(port: service.server.port)
            client.send("POST", "/classify", body: try cat())
            #expect(eventually { service.waiting == 1 })
        }
        gate.open()
        #expect(eventually { service.pool.unanswered == 0 })
        let metrics = try Exposition(service.get("/metrics").text)
        #expect(metrics.value("excite_rejected_total", ["reason": "client_left"]) == 1)
        #expect(metrics.value("excite_images_total", ["format": "jpeg"]) == 1, "the one that was held")
    }
}

@Suite("Files that are refused", .enabled(if: Shared.isPresent, Shared.comment))
struct BadFileTests {
    private struct Entry: Decodable { var status: Int }

    @Test("each gets the status that is documented for it, alone and among others")
    func bad() throws {
        let service = try TestService()
        let folder = Shared.folder.appending(path: "images/bad")
        let index = try JSONDecoder().decode([String: Entry].self, from: Data(contentsOf: folder.appending(path: "index.json")))
        let names = index.keys.filter { $0.hasSuffix(".jpg") || $0.hasSuffix(".gif") }.sorted()
        #expect(names.count >= 10)
        for name in names {
            let bytes = Array(try Data(contentsOf: folder.appending(path: name)))
            let status = try #require(index[name]).status
            #expect(try service.post(Form(images: [bytes])).status == status, "\(name)")
            #expect(try service.post(bytes).status == status, "\(name) as a raw body")
            let results = try service.post(Form(images: [bytes, try TestImages.jpeg()])).results
            #expect((results.first?["error"] as? [String: Any])?["status"] as? Int == status, "\(name) among others")
            #expect(results.last.map(HTTPAnswer.predictions)?.count == 5, "\(name)'s neighbour")
        }
    }
}
