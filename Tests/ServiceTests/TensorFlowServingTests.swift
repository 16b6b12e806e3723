import Foundation
import SENet
import Testing

@testable import Service
@testable import Serving

@Suite("The TensorFlow Serving dialect")
struct TensorFlowServingTests {
    private let service: TestService
    private let cat: [UInt8]
    private let scores: [Double]

    init() throws {
        service = try TestService()
        cat = try TestImages.jpeg("cat")
        scores = try service.post("/classify?top=10", cat).predictions.sorted { ($0["index"] as! Int) < ($1["index"] as! Int) }
            .map { $0["score"] as! Double }
    }

    private var base64: String { Data(cat).base64EncodedString() }

    private func ask(_ verb: String, _ body: String, path: String = "seresnet18.tiny") throws -> HTTPAnswer {
        try service.post("/v1/models/\(path):\(verb)", Array(body.utf8))
    }

    @Test("gives all classes' scores, those of /classify, however an image is written, in rows and in columns")
    func predict() throws {
        let b64 = "{\"b64\": \"\(base64)\"}"
        for row in [b64, "{\"image\": \(b64)}", "\"\(base64)\"", "{\"data\": \"\(base64)\", \"key\": \"1\"}"] {
            let answer = try ask("predict", "{\"signature_name\": \"serving_default\", \"instances\": [\(row), \(row)]}")
            #expect(answer.status == 200 && answer.json["predictions"] as? [[Double]] == [scores, scores], "\(answer.text)")
        }
        for column in ["[\(b64)]", "{\"image\": [\(b64)]}", b64, "{\"image\": \(b64)}", "[\"\(base64)\"]"] {
            let answer = try ask("predict", "{\"inputs\": \(column)}", path: "seresnet18.tiny/versions/1")
            #expect(answer.status == 200 && answer.json["outputs"] as? [[Double]] == [scores], "\(answer.text)")
        }
    }

    @Test("takes tensors as the network does, (3, height, width), and (height, width, 3)")
    func tensors() throws {
        let model = try TestService.tiny.get()
        let values: [Float] = (0..<12288).map { (index: Int) -> Float in Float(index % 251) / 251 - 0.5 }
        /// Lists within lists of these lengths, whose numbers lie so far apart in the planar image.
        func nested(_ lengths: [Int], _ strides: [Int], _ offset: Int = 0) -> String {
            guard let length = lengths.first, let stride = strides.first else { return "\(values[offset])" }
            let items: [String] = (0..<length).map { index in
                nested(Array(lengths.dropFirst()), Array(strides.dropFirst()), offset + index * stride)
            }
            return "[\(items.joined(separator: ","))]"
        }
        let planar = nested([3, 64, 64], [4096, 64, 1])
        let interleaved = nested([64, 64, 3], [64, 1, 4096])
        let expected = try service.pool.infer(InferenceRequest(inputs: [.tensor(values)], model: model)).get().scores(of: model)
        for body in ["{\"instances\": [\(planar), \(interleaved)]}", "{\"inputs\": [\(planar), \(interleaved)]}"] {
            let answer = try ask("predict", body)
            let found = (answer.json["predictions"] ?? answer.json["outputs"]) as? [[Double]]
            #expect(found?.map { $0.map { Float($0) } } == [expected, expected], "\(answer.text.prefix(300))")
        }
    }

    @Test("classifies: the five best labels, best first")
    func classify() throws {
        let answer = try ask("classify", "{\"examples\": [{\"image\": {\"b64\": \"\(base64)\"}}]}")
        let results = try #require(answer.json["result"] as? [[[Any]]])
        let result = results[0]
        #expect(results.count == 1)
        let expected = try service.post(cat).predictions
        #expect(result.map { $0[0] as? String } == expected.map { $0["label"] as? String })
        #expect(result.map { $0[1] as? Double } == expected.map { $0["score"] as? Double })
    }

    @Test("tells state, readiness and signature, and lists names as KServe does")
    func status() throws {
        #expect(try service.get("/v1/models").json["models"] as? [String] == ["seresnet18.tiny", "seresnet18.other"])
        for path in ["/v1/models/seresnet18.tiny", "/v1/models/seresnet18.tiny/versions/1"] {
            let json = try service.get(path).json
            #expect(json["ready"] as? Bool == true && json["name"] as? String == "seresnet18.tiny")
            #expect((json["model_version_status"] as? [[String: Any]])?[0]["state"] as? String == "AVAILABLE")
            #expect(try service.get("\(path)/metadata").text.contains(#""dim":[{"name":"","size":"-1"},{"name":"","size":"3"}"#))
        }
        service.readiness.phase = .draining
        let draining = try service.get("/v1/models/seresnet18.tiny")
        #expect(draining.status == 503 && draining.json["ready"] as? Bool == false)
    }

    @Test("says what is wrong")
    func errors() throws {
        func expect(_ answer: HTTPAnswer, _ status: Int, _ text: String, location: SourceLocation = #_sourceLocation) {
            #expect(answer.status == status && Set(answer.json.keys) == ["error"], "\(answer.text)", sourceLocation: location)
            #expect(answer.text.contains(text), "\(answer.text)", sourceLocation: location)
        }
        let image = "{\"b64\": \"\(base64)\"}"
        expect(try ask("predict", "{\"instances\": [\(image)]}", path: "none"), 404, "none")
        expect(try ask("predict", "{\"instances\": [\(image)]}", path: "seresnet18.tiny/versions/2"), 404, "version")
        expect(try ask("predict", "{\"instances\": []}"), 400, "no image")
        expect(try ask("predict", "{}"), 400, "instances")
        expect(try ask("predict", "{\"instances\": [\(image)], \"inputs\": [\(image)]}"), 400, "already")
        expect(try ask("predict", "{\"instances\": [[[1, 2], [3, 4]]]}"), 400, "(3, 64, 64)")
        expect(try ask("predict", "{\"instances\": [{\"a\": \(image), \"b\": \(image)}]}"), 400, "more than one input")
        expect(try ask("predict", "{\"instances\": [1]}"), 400, "image is expected")
        expect(try ask("predict", "{\"signature_name\": \"other\", \"instances\": [\(image)]}"), 400, "signature")
        expect(try ask("predict", "{\"instances\": [\(image), \"aGVsbG8=\"]}"), 415, "image 2 of 2")
        expect(try ask("classify", "{\"instances\": [\(image)]}"), 400, "examples")
        expect(try ask("predict", "hello"), 400, "no JSON value")
        expect(try service.get("/v1/models/seresnet18.tiny:predict"), 405, "POST")
    }
}
