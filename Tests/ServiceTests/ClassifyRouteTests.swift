import Foundation
import Testing

@testable import Service

@Suite("POST /classify")
struct ClassifyRouteTests {
    private let service: TestService
    private let cat: [UInt8]

    init() throws {
        service = try TestService()
        cat = try TestImages.jpeg("cat")
    }

    @Test("answers a form with the model, five predictions, the image and where the time went")
    func form() throws {
        let answer = try service.post(Form(images: [cat]))
        #expect(answer.status == 200)
        #expect(answer.header("Content-Type") == "application/json")
        #expect(Set(answer.json.keys) == ["model", "predictions", "image", "timing_ms", "batch_size"])
        #expect(answer.json["model"] as? String == "seresnet18.tiny")
        #expect(answer.json["batch_size"] as? Int == 1)
        #expect(answer.predictions.count == 5)
        for prediction in answer.predictions { #expect(Set(prediction.keys) == ["label", "class", "index", "score"]) }
        let scores = answer.predictions.compactMap { $0["score"] as? Double }
        #expect(scores.count == 5 && scores == scores.sorted(by: >))
        let image = try #require(answer.json["image"] as? [String: Any])
        #expect(image["format"] as? String == "jpeg")
        #expect(image["width"] as? Int == 451 && image["height"] as? Int == 300 && image["orientation"] as? Int == 1)
        #expect(image["mode"] as? String == "rgb" && image["warnings"] == nil)
        let timing = try #require(answer.json["timing_ms"] as? [String: Double])
        #expect(Set(timing.keys) == ["receive", "decode", "queue", "inference", "total"])
        #expect(timing.values.allSatisfy { $0 >= 0 })
        #expect(timing["total"]! >= timing["inference"]!)
    }

    @Test(
        "answers a raw body like a form, whatever type it claims",
        arguments: [[], ["Content-Type: image/jpeg"], ["Content-Type: application/octet-stream"], ["Content-Type: image/png"]])
    func raw(headers: [String]) throws {
        let form = try service.post(Form(images: [cat]))
        let raw = try service.post(headers: headers, cat)
        #expect(raw.status == 200)
        #expect(raw.predictions as NSArray == form.predictions as NSArray)
    }

    @Test("answers several images in their order, each as if it were alone")
    func several() throws {
        let names = ["cat", "gray", "cmyk", "yuv420"]
        let answer = try service.post(Form(images: names.map { try TestImages.jpeg($0) }))
        #expect(answer.status == 200)
        #expect(Set(answer.json.keys) == ["model", "results"])
        #expect(answer.results.count == names.count)
        for (name, result) in zip(names, answer.results) {
            #expect(Set(result.keys) == ["predictions", "image", "timing_ms", "batch_size"])
            let alone = try service.post(try TestImages.jpeg(name))
            #expect(HTTPAnswer.predictions(result) as NSArray == alone.predictions as NSArray, "\(name)")
        }
    }

    @Test("of a broken image among several spoils only its own entry")
    func brokenAmongSeveral() throws {
        let answer = try service.post(Form(images: [cat, Array(cat.prefix(5000)), cat, Array("hello".utf8), []]))
        #expect(answer.status == 200)
        #expect(answer.results.count == 5)
        for index in [0, 2] { #expect(HTTPAnswer.predictions(answer.results[index]).count == 5) }
        for (index, status, code) in [(1, 400, "broken_image"), (3, 415, "unsupported_format"), (4, 400, "empty_image")] {
            #expect(Set(answer.results[index].keys) == ["error"])
            expectProblem(answer.results[index]["error"] as? [String: Any] ?? [:], status, code: code)
        }
    }

    @Test("keeps to the images of a form: other fields are passed over")
    func otherFields() throws {
        let answer = try service.post(Form([("note", Array("hello".utf8)), ("image", cat), ("top", Array("2".utf8))]))
        #expect(answer.status == 200)
        #expect(answer.predictions.count == 5)
    }

    @Test("gives as many predictions as asked for", arguments: [1, 3, 10])
    func top(count: Int) throws {
        let answer = try service.post("/classify?top=\(count)", cat)
        #expect(answer.predictions.count == count)
        #expect(Set(answer.predictions.compactMap { $0["index"] as? Int }).count == count)
    }

    @Test("of all classes gives scores that sum to 1")
    func allClasses() throws {
        let scores = try service.post("/classify?top=10", cat).predictions.compactMap { $0["score"] as? Double }
        #expect(abs(scores.reduce(0, +) - 1) < 1e-5)
    }

    @Test("tells of the gates where the query asks for them, in short or in full", arguments: ["1", "full"])
    func gates(detail: String) throws {
        let plain = try service.post("/classify?gates=0", cat)
        #expect(plain.json["gates"] == nil)
        let answer = try service.post("/classify?gates=\(detail)", cat)
        #expect(answer.status == 200)
        #expect(answer.predictions as NSArray == plain.predictions as NSArray)
        let gates = try #require(answer.json["gates"] as? [[String: Any]])
        #expect(gates.map { $0["name"] as? String } == (1...4).map { "layer\($0).0.se" })
        #expect(gates.map { $0["channels"] as? Int } == [16, 32, 48, 64])
        for gate in gates {
            let histogram = try #require(gate["histogram"] as? [Int])
            #expect(histogram.count == 10 && histogram.reduce(0, +) == gate["channels"] as? Int)
            let mean = try #require(gate["mean"] as? Double)
            #expect(mean > 0 && mean < 1)
            guard detail == "full" else {
                #expect(Set(gate.keys) == ["name", "channels", "mean", "histogram"])
                continue
            }
            let values = try #require(gate["values"] as? [Double])
            #expect(values.count == gate["channels"] as? Int)
            #expect(abs(values.reduce(0, +) / Double(values.count) - mean) < 1e-6)
            for (index, count) in histogram.enumerated() {
                #expect(values.count { Int($0 * 10) == index } == count)
            }
        }
    }

    @Test("tells of the gates of each of several images, and of none for a broken one")
    func gatesOfSeveral() throws {
        let form = Form(images: [cat, Array("hello".utf8), try TestImages.jpeg("gray")])
        let answer = try service.ask("POST", "/classify?gates=full", headers: [Form.header], body: form.body)
        #expect(answer.results.map { $0["gates"] != nil } == [true, false, true])
        let alone = try service.post("/classify?gates=full", try TestImages.jpeg("gray"))
        #expect(answer.results[2]["gates"] as? NSArray == alone.json["gates"] as? NSArray)
    }

    @Test("asks the model that the query names")
    func model() throws {
        #expect(try service.post("/classify?model=seresnet18.tiny", cat).json["model"] as? String == "seresnet18.tiny")
        let other = try service.post("/classify?model=seresnet18.other&top=7", cat)
        #expect(other.json["model"] as? String == "seresnet18.other")
        #expect(other.predictions.count == 7)
    }

    @Test("sends the request's id back, or one of its own")
    func requestID() throws {
        #expect(try service.post(headers: ["X-Request-Id: my-id-1"], cat).header("X-Request-Id") == "my-id-1")
        #expect(try service.post(headers: ["X-Request-Id: my-id-2"], []).header("X-Request-Id") == "my-id-2", "with an error too")
        #expect(try service.post(cat).header("X-Request-Id")?.isEmpty == false)
    }

    @Test("answers within a deadline that is far away")
    func deadline() throws { #expect(try service.post(headers: ["X-Deadline-Ms: 3600000"], cat).status == 200) }

    @Test("answers many clients at once, each with its own image's predictions")
    func concurrent() throws {
        let names = TestImages.names
        let alone = try names.map { try service.post(try TestImages.jpeg($0)).predictions as NSArray }
        let clients = try (0..<32).map { index in
            let client = try HTTPClient(port: service.server.port)
            client.send("POST", "/classify", body: try TestImages.jpeg(names[index % names.count]))
            return client
        }
        for (index, client) in clients.enumerated() {
            #expect(try client.read().predictions as NSArray == alone[index % names.count])
        }
    }
}
