import Foundation
import Testing

@testable import Service

@Suite("The Hugging Face dialect")
struct HuggingFaceTests {
    private let service: TestService
    private let cat: [UInt8]

    init() throws {
        service = try TestService()
        cat = try TestImages.jpeg("cat")
    }

    private var base64: String { Data(cat).base64EncodedString() }

    private func list<Element>(_ answer: HTTPAnswer, of type: Element.Type = Element.self) throws -> [Element] {
        #expect(answer.status == 200, "\(answer.text)")
        return try #require(try JSONSerialization.jsonObject(with: answer.body) as? [Element], "\(answer.text)")
    }

    private func post(_ path: String, json: String) throws -> HTTPAnswer {
        try service.ask("POST", path, headers: ["Content-Type: text/plain"], body: Array(json.utf8))
    }

    @Test("gives labels with the scores of /classify for an image's bytes, base64 or a data: URL, by any of its paths")
    func labels() throws {
        let expected = try service.post(cat).predictions.map {
            ["label": $0["label"] as! String, "score": $0["score"] as! Double] as NSDictionary
        }
        for path in ["/", "/models/seresnet18.tiny", "/models/timm/seresnet18.tiny", "/pipeline/image-classification/timm/seresnet18.tiny"]
        {
            #expect(try list(service.post(path, cat), of: NSDictionary.self) == expected, "\(path)")
            for image in [base64, "data:image/jpeg;base64,\(base64)"] {
                #expect(try list(post(path, json: " {\"inputs\": \"\(image)\"}"), of: NSDictionary.self) == expected, "\(path)")
            }
        }
        let batch = try list(post("/", json: "{\"inputs\": [\"\(base64)\", \"\(base64)\"]}"), of: [NSDictionary].self)
        #expect(batch == [expected, expected])
    }

    @Test("applies the function that is asked for to the logits, and gives as many labels")
    func parameters() throws {
        func scores(_ parameters: String) throws -> [Double] {
            try list(post("/", json: "{\"inputs\": \"\(base64)\", \"parameters\": \(parameters)}"), of: [String: Any].self)
                .map { try #require($0["score"] as? Double) }
        }
        let logits = try scores("{\"function_to_apply\": \"none\", \"top_k\": 100}")
        #expect(logits.count == 10)
        let sigmoids = try scores("{\"function_to_apply\": \"sigmoid\", \"top_k\": 2}")
        #expect(sigmoids.count == 2)
        for (sigmoid, logit) in zip(sigmoids, logits) { #expect(abs(sigmoid - 1 / (1 + exp(-logit))) < 1e-6) }
        #expect(try scores("{\"function_to_apply\": \"softmax\"}") == scores("null"))
    }

    @Test("gives features, a row an image")
    func features() throws {
        let row = try #require(service.post("/embed", cat).json["embedding"] as? [Double])
        for path in ["/pipeline/image-feature-extraction/seresnet18.tiny", "/models/timm/seresnet18.tiny/pipeline/feature-extraction"] {
            #expect(try list(service.post(path, cat)) == [row])
            #expect(try list(post(path, json: "{\"inputs\": [\"\(base64)\", \"\(base64)\"]}")) == [row, row])
            let unit = try list(post(path, json: "{\"inputs\": \"\(base64)\", \"normalize\": true}"), of: [Double].self)
            #expect(abs(unit[0].reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
        }
    }

    @Test("says what is wrong, and fetches no URL")
    func errors() throws {
        func expect(_ answer: HTTPAnswer, _ status: Int, _ text: String, location: SourceLocation = #_sourceLocation) {
            #expect(answer.status == status && Set(answer.json.keys) == ["error"], "\(answer.text)", sourceLocation: location)
            #expect(answer.text.contains(text), "\(answer.text)", sourceLocation: location)
        }
        expect(try post("/", json: "{\"inputs\": \"https://example.com/cat.jpg\"}"), 400, "fetches no URLs")
        expect(try post("/", json: "{\"inputs\": \"data:image/jpeg,x\"}"), 400, "base64")
        expect(try post("/", json: "{\"inputs\": \"?\"}"), 400, "base64")
        expect(try post("/", json: "{\"inputs\": []}"), 400, "no image")
        expect(try post("/", json: "{\"inputs\": \"\(base64)\", \"parameters\": {\"top_k\": 0}}"), 400, "top_k")
        expect(try post("/", json: "{\"inputs\": \"\(base64)\", \"parameters\": {\"function_to_apply\": \"x\"}}"), 400, "softmax")
        expect(try post("/", json: "{\"inputs\": [\"\(base64)\", \"aGVsbG8=\"]}"), 415, "image 2 of 2")
        expect(try service.post("/models/timm/none", cat), 404, "none")
        expect(try service.post("/", Array("hello".utf8)), 415, "JPEG")
    }
}
