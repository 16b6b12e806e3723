import HTTPServer
import Serving
import Testing

@testable import Service

@Suite("A path pattern")
struct PathPatternTests {
    @Test(
        "takes its own form and no other",
        arguments: [
            ("/classify", "/classify", [:]), ("/v2/models/{model}/infer", "/v2/models/a.b/infer", ["model": "a.b"]),
            ("/v2/models/{model}/versions/{version}", "/v2/models/a/versions/3", ["model": "a", "version": "3"]), ("/", "/", [:]),
            ("/v1/models/{model}:predict", "/v1/models/a:b:predict", ["model": "a:b"]),
            ("/models/{model*}", "/models/timm/a.b", ["model": "timm/a.b"]), ("/models/{model*}", "/models/a", ["model": "a"]),
            ("/{model*}/x/{version}", "/a/b/x/x/3", ["model": "a/b/x", "version": "3"]),
            // Marks that combine with what is before them.
            ("/v2/{model}/infer", "/v2/\u{301}a\u{301}/infer", ["model": "\u{301}a\u{301}"]),
            ("/v1/{model}:predict", "/v1/\u{600}:predict", ["model": "\u{600}"]),
            ("/v2/{model*}/infer", "/v2/\u{ABC}a/\u{301}/infer", ["model": "\u{ABC}a/\u{301}"]),
        ] as [(PathPattern, String, [String: String])])
    func match(pattern: PathPattern, path: String, values: [String: String]) { #expect(pattern.match(path) == values) }

    @Test(
        "refuses what is longer, shorter, empty or of another case",
        arguments: ["/v2/models/infer", "/v2/models//infer", "/v2/models/a/infer/", "/V2/models/a/infer", "v2/models/a/infer", "/", ""])
    func others(path: String) { #expect(PathPattern("/v2/models/{model}/infer").match(path) == nil) }

    @Test("with a suffix or a name with slashes refuses what lacks the one or has empty words in the other")
    func particular() {
        for path in ["/models/:predict", "/models/a:predicts", "/models/a", "/models/a/b:predict"] {
            #expect(PathPattern("/models/{model}:predict").match(path) == nil)
        }
        for path in ["/models/", "/models/a//b", "/models/a/", "/models"] { #expect(PathPattern("/models/{model*}").match(path) == nil) }
        #expect(PathPattern("/models/{model*}").description == "/models/{model}")
    }
}

@Suite("A gateway")
struct GatewayTests {
    private func service(_ dialect: Dialect) throws -> TestService { try TestService(dialects: [dialect]) }

    @Test("gives a dialect its path's parameters, and words its refusals as the dialect does")
    func dialect() throws {
        let route = Route(
            method: "GET", path: "/things/{name}/size",
            action: .page { (call) throws(Problem) in
                guard let name = call.parameters["name"], name != "none" else { throw .badParameter("no such thing") }
                return .plain(200, name)
            })
        let service = try service(Dialect(name: "test", routes: [route]) { .plain($0.status, "my own words: \($0.detail)") })
        #expect(try service.get("/things/cat/size").text == "cat")
        let refused = try service.get("/things/none/size")
        #expect(refused.status == 400 && refused.text == "my own words: no such thing")
        let method = try service.ask("POST", "/things/cat/size", body: [1])
        #expect(method.status == 405 && method.text.hasPrefix("my own words") && method.header("Allow") == "GET, HEAD")
        expectProblem(try service.get("/things"), 404, code: "not_found")
    }

    @Test("takes the more particular of two patterns, and no pattern's own text for a path")
    func particular() throws {
        func route(_ path: PathPattern, _ text: String) -> Route {
            Route(method: "GET", path: path, action: .page { .plain(200, "\(text) \($0.parameters["name"] ?? "")") })
        }
        let routes = [
            route("/things/{name*}", "any"), route("/things/{name}", "one"), route("/things/{name}:size", "size"),
            route("/things/{name}/size", "sized"),
        ]
        let service = try service(Dialect(name: "test", routes: routes) { .plain($0.status, $0.detail) })
        for (path, text) in [
            ("a", "one a"), ("a:size", "size a"), ("a/size", "sized a"), ("a/b/size", "any a/b/size"), ("a%2Fb", "any a/b"),
        ] {
            #expect(try service.get("/things/\(path)").text == text)
        }
        #expect(try service.get("/things/%7Bname%7D").text == "one {name}")
    }

    @Test("calls paths with parameters by their pattern in metrics, so that clients make none up")
    func metrics() throws {
        let route = Route(method: "GET", path: "/things/{name}", action: .page { _ in .plain(200, "") })
        let service = try service(Dialect(name: "test", routes: [route]) { .plain($0.status, "") })
        for name in ["a", "b", "c"] { #expect(try service.get("/things/\(name)").status == 200) }
        let count = {
            try Exposition(service.get("/metrics").text).value(
                "excite_requests_total", ["route": "/things/{name}", "kind": "other", "dialect": "test", "status": "200"])
        }
        #expect(try eventually { try count() == 3 })
    }

    @Test("hands tensors to the same pool, and writes logits as a dialect wants them")
    func tensors() throws {
        let model = try TestService.tiny.get()
        let tensor = (0..<model.plan.inputShape.count).map { Float($0 % 17) / 17 }
        let route = Route(
            method: "POST", path: "/raw",
            action: .inference(Deadlines(), model: { _ in ModelReference() }) { (_, model) throws(Problem) in
                Intake(request: InferenceRequest(inputs: [], model: model)) { (request, inference) throws(Problem) in
                    inference.inputs = request.head.query("short") == nil ? [.tensor(tensor)] : [.tensor([1, 2] as [Float])]
                    return { results in
                        .json { $0.field("logits", (try? results[0].get())?.logits) }
                    }
                }
            })
        let service = try service(Dialect(name: "test", routes: [route], refusal: \.response))
        let answer = try service.ask("POST", "/raw", body: [1])
        #expect(answer.status == 200)
        #expect((answer.json["logits"] as? [Double])?.count == 10)
        expectProblem(try service.ask("POST", "/raw?short=1", body: [1]), 400, code: "bad_tensor")
    }
}
