import Foundation
import Testing

@testable import Service

@Suite("The TorchServe dialect")
struct TorchServeTests {
    private let service: TestService
    private let cat: [UInt8]

    init() throws {
        service = try TestService()
        cat = try TestImages.jpeg("cat")
    }

    private func predict(_ body: [UInt8], _ path: String = "seresnet18.tiny", method: String = "POST", headers: [String] = []) throws
        -> HTTPAnswer
    {
        try service.ask(method, "/predictions/\(path)", headers: headers, body: body)
    }

    private func expectError(_ answer: HTTPAnswer, _ status: Int, _ type: String, location: SourceLocation = #_sourceLocation) {
        #expect(answer.status == status && answer.header("Content-Type") == "application/json", "\(answer.text)", sourceLocation: location)
        #expect(Set(answer.json.keys) == ["code", "type", "message"], sourceLocation: location)
        #expect(answer.json["code"] as? Int == status && answer.json["type"] as? String == type, "\(answer.text)", sourceLocation: location)
    }

    @Test("gives the five best labels with the scores of /classify, best first, whichever way the image is sent")
    func labels() throws {
        let expected = try service.post(cat).predictions
        let text = "{" + (try expected.map { try "\"\($0["label"] as! String)\":\(score($0))" }).joined(separator: ",") + "}\n"
        for path in ["seresnet18.tiny", "seresnet18.tiny/1.0", "seresnet18.tiny/1"] {
            for method in ["POST", "PUT"] {
                let answer = try predict(cat, path, method: method)
                #expect(answer.status == 200 && answer.text == text, "\(answer.text)")
            }
        }
        for field in ["data", "body"] { #expect(try predict(Form([(field, cat)]).body, headers: [Form.header]).text == text) }
    }

    private func score(_ prediction: [String: Any]) throws -> Float { Float(try #require(prediction["score"] as? Double)) }

    @Test("answers several images with a list, in which a broken one spoils its own entry alone")
    func several() throws {
        let answer = try predict(
            Form([("data", cat), ("data", Array("hello".utf8)), ("data", cat)]).body, headers: [Form.header])
        let list = try #require(try JSONSerialization.jsonObject(with: answer.body) as? [[String: Any]])
        #expect(answer.status == 200 && list.count == 3)
        #expect(list[0].count == 5 && list[0] as NSDictionary == list[2] as NSDictionary)
        #expect(list[1]["code"] as? Int == 415 && list[1]["type"] as? String == "BadRequestException")
    }

    @Test("words its errors as TorchServe does")
    func errors() throws {
        expectError(try predict(Array("hello".utf8)), 415, "BadRequestException")
        expectError(try predict([]), 400, "BadRequestException")
        expectError(try predict(cat, "none"), 404, "ModelNotFoundException")
        expectError(try predict(cat, "seresnet18.tiny/2.0"), 404, "ModelVersionNotFoundException")
        expectError(try service.get("/predictions/seresnet18.tiny"), 405, "MethodNotAllowedException")
        expectError(try predict(cat, headers: ["X-Deadline-Ms: none"]), 400, "BadRequestException")
        expectError(try service.get("/torchserve/models/none"), 404, "ModelNotFoundException")
        service.readiness.phase = .loading
        expectError(try predict(cat), 503, "ServiceUnavailableException")
    }

    @Test("tells the models, and whether they are ready")
    func management() throws {
        #expect(try service.get("/ping").text == "{\"status\":\"Healthy\"}\n")
        let models = try #require(service.get("/torchserve/models").json["models"] as? [[String: String]])
        #expect(models.map { $0["modelName"] } == ["seresnet18.tiny", "seresnet18.other"])
        for path in ["seresnet18.other", "seresnet18.other/1.0"] {
            let list = try #require(
                try JSONSerialization.jsonObject(with: service.get("/torchserve/models/\(path)").body) as? [[String: Any]])
            #expect(list.map { $0["modelName"] as? String } == ["seresnet18.other"] && list[0]["batchSize"] as? Int == 16)
        }
        service.readiness.phase = .draining
        let answer = try service.get("/ping")
        #expect(answer.status == 503 && answer.text == "{\"status\":\"Unhealthy\"}\n")
    }
}
