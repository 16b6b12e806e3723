import Foundation
import SENet
import Testing

@testable import Service
@testable import Serving

@Suite("POST /embed")
struct EmbedRouteTests {
    private let service: TestService
    private let cat: [UInt8]

    init() throws {
        service = try TestService()
        cat = try TestImages.jpeg("cat")
    }

    private func embed(_ body: [UInt8], _ query: String = "", headers: [String] = []) throws -> HTTPAnswer {
        try service.ask("POST", "/embed\(query)", headers: headers, body: body)
    }

    private func embedding(_ entry: [String: Any]) -> [Float] { (entry["embedding"] as? [Double] ?? []).map { Float($0) } }

    private func floats(_ data: Data) -> [Float] {
        let bytes = Array(data)
        return stride(from: 0, to: bytes.count, by: 4).map { offset in
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * $1) })
        }
    }

    @Test("answers with the model, the features, the image and where the time went; a form like a raw body")
    func form() throws {
        let answer = try embed(Form(images: [cat]).body, headers: [Form.header])
        #expect(answer.status == 200, "\(answer.text)")
        #expect(Set(answer.json.keys) == ["model", "embedding", "image", "timing_ms", "batch_size"])
        let features = embedding(answer.json)
        #expect(features.count == 64 && features.contains { $0 > 0 })
        #expect(try embedding(embed(cat).json) == features)
    }

    @Test("gives the same bits as float32 where the client asks for bytes, a row an image, alone and in a batch")
    func binary() throws {
        let accept = "Accept: application/octet-stream"
        let names = ["cat", "gray", "yuv420"]
        let several = try embed(Form(images: names.map { try TestImages.jpeg($0) }).body, headers: [Form.header, accept])
        #expect(several.status == 200 && several.header("Content-Type") == "application/octet-stream")
        #expect(several.body.count == 3 * 64 * 4)
        var alone: [Float] = []
        for name in names {
            let answer = try embed(try TestImages.jpeg(name))
            alone += embedding(answer.json)
        }
        #expect(floats(several.body) == alone)
        for other in ["*/*", "application/json", "application/octet-stream;q=0", "image/*"] {
            #expect(try embed(cat, headers: ["Accept: \(other)"]).header("Content-Type") == "application/json", "\(other)")
        }
        let listed = try embed(cat, headers: ["Accept: application/json;q=0.5, application/octet-stream"])
        #expect(listed.header("Content-Type") == "application/octet-stream")
    }

    @Test("divides by the norm where it is asked to")
    func normalized() throws {
        let (plain, unit) = (embedding(try embed(cat).json), embedding(try embed(cat, "?normalize=1").json))
        let norm = plain.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(abs(unit.reduce(0) { $0 + Double($1) * Double($1) } - 1) < 1e-6)
        #expect(zip(plain, unit).allSatisfy { Float(Double($0) / norm) == $1 })
        expectProblem(try embed(cat, "?normalize=yes"), 400, code: "bad_parameter")
    }

    @Test("of a broken image among several spoils only its own entry; among rows of bytes there is no place for it")
    func broken() throws {
        let form = Form(images: [cat, Array("hello".utf8), cat])
        let answer = try embed(form.body, headers: [Form.header])
        #expect(answer.status == 200 && answer.results.count == 3)
        expectProblem(answer.results[1]["error"] as? [String: Any] ?? [:], 415, code: "unsupported_format")
        #expect(embedding(answer.results[0]) == embedding(answer.results[2]) && embedding(answer.results[0]).count == 64)
        let binary = try embed(form.body, headers: [Form.header, "Accept: application/octet-stream"])
        expectProblem(binary, 415, code: "unsupported_format")
        #expect((binary.json["detail"] as? String)?.hasPrefix("image 2 of 3: ") == true)
    }

    @Test("asks the model that is named")
    func model() throws {
        #expect(try embed(cat, "?model=seresnet18.other").json["model"] as? String == "seresnet18.other")
        expectProblem(try embed(cat, "?model=none"), 404, code: "unknown_model")
        expectProblem(try embed([]), 400, code: "no_image")
    }

    @Test("is refused for a network that does not end in a linear layer, before the body is kept")
    func noFeatures() throws {
        let network = Network(
            name: "convolutional", inputChannels: 3,
            operations: [
                SENet.Operation("conv", .convolution(Convolution(inputs: 3, outputs: 4, kernel: 3)), inputs: ["input"]),
                SENet.Operation("pool", .globalPooling(.average), inputs: ["conv"]),
            ])
        let model = try TinyModel(network).load()
        #expect(model.plan.featureCount == nil)
        try service.add(model)
        let answer = try embed(cat, "?model=\(model.name)")
        expectProblem(answer, 400, code: "no_features")
        #expect((answer.json["detail"] as? String)?.contains(model.name) == true)
        #expect(try service.ask("POST", "/classify?model=\(model.name)", body: cat).status == 200)
    }
}
