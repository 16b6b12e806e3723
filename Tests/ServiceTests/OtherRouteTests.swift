import Foundation
import Testing

@testable import Service

@Suite("Probes, models and metrics")
struct OtherRouteTests {
    private static let readiness = ["/readyz", "/healthz"]

    @Test("a ready server says so")
    func ready() throws {
        let service = try TestService()
        for path in Self.readiness + ["/livez"] {
            let answer = try service.get(path)
            #expect(answer.status == 200)
            #expect(answer.text == "ok\n")
        }
    }

    @Test("a server that loads is alive, not ready, and classifies nothing")
    func loading() throws {
        let service = try TestService(.loading)
        #expect(try service.get("/livez").status == 200)
        for path in Self.readiness {
            let answer = try service.get(path)
            #expect(answer.status == 503)
            #expect(answer.text == "loading the model\n")
        }
        let answer = try service.post(try TestImages.jpeg())
        expectProblem(answer, 503, code: "unavailable")
        #expect(answer.header("Retry-After") == "1")
        expectProblem(try service.get("/models"), 503, code: "unavailable")
        #expect(try service.get("/metrics").status == 200)
    }

    @Test("a model that is still to pass its self-test classifies nothing for clients")
    func beforeSelfTest() throws {
        let service = try TestService()
        service.readiness.phase = .loading
        expectProblem(try service.post(try TestImages.jpeg()), 503, code: "unavailable")
        service.readiness.becomeReady()
        #expect(try service.post(try TestImages.jpeg()).status == 200)
    }

    @Test("a server whose self-test failed is alive, says why it is not ready, and gives no wrong answers")
    func failed() throws {
        let service = try TestService(.failed("score 1 differs"))
        #expect(try service.get("/livez").status == 200)
        for path in Self.readiness {
            let answer = try service.get(path)
            #expect(answer.status == 503)
            #expect(answer.text == "the self-test failed: score 1 differs\n")
        }
        expectProblem(try service.post(try TestImages.jpeg()), 503, code: "unavailable")
        #expect(try service.get("/models").status == 200)
        service.readiness.becomeReady()
        #expect(try service.get("/readyz").status == 503, "nothing makes it ready again")
    }

    @Test("a server that drains is not ready, and still answers")
    func draining() throws {
        let service = try TestService()
        service.readiness.phase = .draining
        #expect(try service.get("/livez").status == 200)
        for path in Self.readiness {
            let answer = try service.get(path)
            #expect(answer.status == 503)
            #expect(answer.text == "shutting down\n")
        }
        #expect(try service.post(try TestImages.jpeg()).status == 200)
    }

    @Test(
        "HEAD is answered like GET, without the body", arguments: ["/livez", "/readyz", "/healthz", "/models", "/metrics", "/openapi.json"])
    func head(path: String) throws {
        let service = try TestService()
        let answer = try service.ask("HEAD", path)
        #expect(answer.status == 200)
        #expect(answer.body.isEmpty)
    }

    @Test("the models are listed with what a client needs to know")
    func models() throws {
        let answer = try TestService().get("/models")
        #expect(answer.status == 200)
        #expect(answer.header("Content-Type") == "application/json")
        let models = try #require(answer.json["models"] as? [[String: Any]])
        #expect(models.map { $0["name"] as? String } == ["seresnet18.tiny", "seresnet18.other"])
        #expect(models.map { $0["architecture"] as? String } == ["seresnet18", "seresnet18"])
        #expect(models.map { $0["input_size"] as? [Int] } == [[3, 64, 64], [3, 64, 64]])
        #expect(models.map { $0["precision"] as? String } == ["f32", "f32"])
        #expect(models.map { $0["classes"] as? Int } == [10, 7])
        let tiny = try TestService.tiny.get()
        #expect(models[0]["parameters"] as? Int == tiny.source.network.parameterCount)
        #expect(models[0]["multiply_accumulates"] as? Int == tiny.multiplyAccumulates)
    }

    @Test("the description of the interface names every path and method that there is, and no other")
    func openAPI() throws {
        let service = try TestService()
        let answer = try service.get("/openapi.json")
        #expect(answer.status == 200)
        #expect(answer.header("Content-Type") == "application/json")
        #expect((answer.json["info"] as? [String: Any])?["version"] as? String == Build.version)
        let paths = try #require(answer.json["paths"] as? [String: [String: Any]])
        #expect(paths.mapValues { Set($0.keys.map { $0.uppercased() }) } == service.gateway.methods)
    }

    @Test("the description of the interface refers to what it has")
    func openAPIReferences() throws {
        let json = try TestService().get("/openapi.json").json
        var found = 0
        func check(_ value: Any) {
            if let list = value as? [Any] { list.forEach(check) }
            guard let object = value as? [String: Any] else { return }
            object.values.forEach(check)
            guard let reference = object["$ref"] as? String else { return }
            found += 1
            let target = reference.split(separator: "/").dropFirst().reduce(json as Any?) { ($0 as? [String: Any])?[String($1)] }
            #expect(target != nil, "\(reference)")
        }
        check(json)
        #expect(found > 20)
    }

    @Test("metrics count what was asked, by route and status, and a strict reader can read them")
    func metrics() throws {
        let service = try TestService()
        for _ in 0..<3 { #expect(try service.post(try TestImages.jpeg()).status == 200) }
        #expect(try service.post(Array("no image".utf8)).status == 415)
        // A person's page and Hugging Face's protocol share a path.
        #expect(try service.ask("POST", "/", body: try TestImages.jpeg()).status == 200)
        #expect(try service.get("/").status == 200)
        #expect(try service.get("/made/up?x=\"").status == 404)
        var exposition = try Exposition("")
        // A request is counted when its last byte has gone out, which its client may see first.
        _ = try eventually {
            let answer = try service.get("/metrics")
            #expect(answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
            exposition = try Exposition(answer.text)
            return exposition.value("excite_requests_total", ["route": "other", "kind": "other", "dialect": "excite", "status": "404"]) == 1
        }
        func requests(_ route: String, _ kind: String, _ dialect: String, _ status: String) -> Double? {
            exposition.value("excite_requests_total", ["route": route, "kind": kind, "dialect": dialect, "status": status])
        }
        #expect(requests("/classify", "inference", "excite", "200") == 3)
        #expect(requests("/classify", "inference", "excite", "415") == 1)
        #expect(requests("/", "inference", "hugging-face", "200") == 1)
        #expect(requests("/", "other", "excite", "200") == 1)
        #expect(exposition.value("excite_request_seconds_count", ["route": "/classify", "kind": "inference"]) == 4)
        #expect(exposition.value("excite_receive_seconds_count", ["route": "/classify", "kind": "inference"]) == 4)
        #expect(exposition.value("excite_images_total", ["format": "jpeg"]) == 4)
        #expect(exposition.value("excite_queue_depth", ["model": "seresnet18.tiny"]) == 0)
        #expect(!exposition.samples.contains { $0.labels.values.contains { $0.contains("made") } }, "paths that clients make up")
    }
}
