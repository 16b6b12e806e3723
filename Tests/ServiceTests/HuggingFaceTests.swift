import Foundation
import SENet
import Testing

@testable import Service
@testable import Serving

@Suite("Hugging Face's API")
struct HuggingFaceTests {
    private let service: TestService
    private let model: Model
    private let cat: [UInt8]

    init() throws {
        service = try TestService()
        model = try TestService.tiny.get()
        cat = try TestImages.jpeg("cat")
    }

    private func ask(_ object: [String: Any], at path: String = "/") throws -> HTTPAnswer {
        try service.post(path, Array(JSONSerialization.data(withJSONObject: object)))
    }

    private func entries(_ answer: HTTPAnswer) throws -> [[String: Any]] {
        try #require(try JSONSerialization.jsonObject(with: answer.body) as? [[String: Any]], "\(answer.text)")
    }

    private func scores(_ entries: [[String: Any]]) -> [Float] { entries.map { Float($0["score"] as? Double ?? .nan) } }

    @Test("bytes, base64 and a data: URL give what /classify gives, to the last bit, under full names")
    func images() throws {
        let expected = try service.post(cat).predictions
        let text = Data(cat).base64EncodedString()
        let answers = [
            try service.post("/", cat), try service.post("/models/\(model.name)", cat), try service.post("/models/timm/\(model.name)", cat),
            try service.ask("POST", "/pipeline/image-classification/\(model.name)", headers: ["Content-Type: application/json"], body: cat),
            try ask(["inputs": text]), try ask(["inputs": "data:image/jpeg;base64,\(text)", "parameters": NSNull()]),
            try service.ask("POST", "/", headers: [Form.header], body: Form(images: [cat]).body),
        ]
        for answer in answers {
            let entries = try entries(answer)
            #expect(scores(entries) == expected.map { Float($0["score"] as? Double ?? .nan) })
            for (entry, prediction) in zip(entries, expected) {
                #expect(entry["label"] as? String == (prediction["index"] as? Int).map { model.labels.descriptions[$0] })
            }
        }
    }

    @Test("parameters choose how many and by what; a list has a list as its answer")
    func parameters() throws {
        let text = Data(cat).base64EncodedString()
        func best(_ parameters: [String: Any]) throws -> [Float] { scores(try entries(ask(["inputs": text, "parameters": parameters]))) }
        let (softmax, logits) = (try best(["top_k": 2]), try best(["top_k": 3, "function_to_apply": "none"]))
        #expect(softmax.count == 2 && logits.count == 3)
        #expect(try best(["top_k": 2, "function_to_apply": "softmax"]) == softmax)
        #expect(try best(["top_k": 1000]).count == model.plan.classes)
        for (score, logit) in zip(try best(["top_k": 3, "function_to_apply": "sigmoid"]), logits) {
            #expect(abs(score - 1 / (1 + exp(-logit))) < 1e-6)
        }
        let list = try ask(["inputs": [text, text], "parameters": ["top_k": 2]])
        let rows = try #require(try JSONSerialization.jsonObject(with: list.body) as? [[[String: Any]]])
        #expect(rows.count == 2 && rows.allSatisfy { scores($0) == softmax })
    }

    @Test("features are what /embed gives, a row an image")
    func features() throws {
        let expected = try #require(try service.post("/embed", cat).json["embedding"] as? [Double])
        for path in ["image-feature-extraction", "feature-extraction"] {
            let answer = try service.post("/pipeline/\(path)/\(model.name)", cat)
            #expect(try JSONSerialization.jsonObject(with: answer.body) as? [[Double]] == [expected])
        }
        let text = Data(cat).base64EncodedString()
        for object in [["inputs": text, "normalize": true], ["inputs": text, "parameters": ["normalize": true]]] {
            let answer = try ask(object, at: "/pipeline/feature-extraction/\(model.name)")
            let rows = try #require(try JSONSerialization.jsonObject(with: answer.body) as? [[Double]], "\(answer.text)")
            #expect(rows.count == 1 && abs(rows[0].reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
        }
    }

    @Test("what is no image is refused with the reason: a URL above all, for nothing is fetched")
    func refused() throws {
        let text = Data(cat).base64EncodedString()
        for (object, reason) in [
            (["inputs": "https://example.org/cat.jpg"], "fetches nothing"), (["inputs": "*"], "base64"), (["inputs": 5], "a string"),
            ([:], "no image"),
            (["inputs": []], "no image"), (["inputs": [String](repeating: "", count: 5000)], "more than 4096"),
            (["inputs": text, "parameters": ["top_k": 0]], "top_k"),
            (["inputs": "data:image/png,abc"], "base64"),
            (["inputs": text, "parameters": ["function_to_apply": "relu"]], "softmax"),
        ] as [([String: Any], String)] {
            let answer = try ask(object)
            #expect(answer.status == 400 && (answer.json["error"] as? String)?.contains(reason) == true, "\(reason): \(answer.text)")
        }
        #expect(try ask(["inputs": Data("no image".utf8).base64EncodedString()]).status == 415)
        #expect(try ask(["inputs": text], at: "/models/none").status == 404)
        #expect(try service.post("/", []).status == 400)
        let batch = try ask(["inputs": [text, "AAAA"]])
        #expect(batch.status == 415 && batch.text.contains("image 2 of 2"))
    }
}
