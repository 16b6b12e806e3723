import Foundation
import SENet
import Testing

@testable import Imaging
@testable import Service
@testable import Serving

@Suite("What the network saw, and where it looked: POST /classify?input=1&map=1")
struct ExplanationTests {
    private let service: TestService
    private let cat: [UInt8]

    init() throws {
        service = try TestService()
        cat = try TestImages.jpeg("cat")
    }

    private func map(_ answer: HTTPAnswer) throws -> [String: Any] { try #require(answer.json["map"] as? [String: Any], "\(answer.text)") }

    @Test("gives the very crop that went into the network, as a PNG file", arguments: TestImages.names)
    func input(name: String) throws {
        let file = try TestImages.jpeg(name)
        let answer = try service.post("/classify?input=1", file)
        let input = try #require(answer.json["input"] as? [String: Any], "\(answer.text)")
        #expect(Set(input.keys) == ["width", "height", "description", "png"])
        #expect(input["width"] as? Int == 64 && input["height"] as? Int == 64)
        let png = Array(try #require((input["png"] as? String).flatMap { Data(base64Encoded: $0) }))
        let preprocessing = try TestService.tiny.get().preprocessing
        let seen = try file.withUnsafeBytes { try ImageDecoder().crop($0, for: preprocessing) }.image
        #expect(try png.withUnsafeBytes { try ImageDecoder().decode($0) }.image == seen)
    }

    @Test("says in words what was done to the image")
    func words() throws {
        let preprocessing = Preprocessing(
            height: 224, width: 224, cropFraction: 0.875, cropMode: .center, interpolation: .bicubic, mean: [0, 0, 0],
            standardDeviation: [1, 1, 1])
        #expect(preprocessing.words(nil) == "resized so that the shorter edge is 256 (bicubic), the middle 224 x 224 cut out")
        var image = try cat.withUnsafeBytes { try ImageDecoder().decode($0) }.description
        image.orientation = try #require(Orientation(rawValue: 6))
        #expect(preprocessing.words(image).hasPrefix("turned upright from EXIF orientation 6, resized"))
    }

    @Test("gives the map of the most probable class, whose mean and bias are its logit")
    func best() throws {
        let answer = try service.post("/classify?map=1&top=10", cat)
        let map = try map(answer)
        #expect(Set(map.keys) == ["label", "class", "index", "height", "width", "bias", "values"])
        for key in ["label", "class"] { #expect(map[key] as? String == answer.predictions[0][key] as? String) }
        #expect(map["index"] as? Int == answer.predictions[0]["index"] as? Int)
        let rows = try #require(map["values"] as? [[Double]])
        #expect(rows.count == 2 && rows.allSatisfy { $0.count == 2 })
        func logit(_ map: [String: Any]) -> Double {
            let values = (map["values"] as? [[Double]] ?? []).flatMap { $0 }
            return values.reduce(0, +) / Double(values.count) + (map["bias"] as? Double ?? .nan)
        }
        // What a softmax leaves of logits is their differences.
        let second = try #require(answer.predictions[1]["index"] as? Int)
        let other = try self.map(service.post("/classify?map=class%20\(second)", cat))
        #expect(other["index"] as? Int == second)
        let scores = answer.predictions.compactMap { $0["score"] as? Double }
        #expect(abs(logit(map) - logit(other) - log(scores[0] / scores[1])) < 1e-4)
    }

    @Test("gives the map of a class that is named, and refuses a name that is none's")
    func named() throws {
        for name in ["7", "class%207", "CLASS%207"] {
            #expect(try map(service.post("/classify?map=\(name)", cat))["index"] as? Int == 7)
        }
        for name in ["tabby", "10", "-1", ""] {
            expectProblem(try service.post("/classify?map=\(name)", cat), 400, code: "bad_parameter")
        }
        #expect(try service.post("/classify?map=0", cat).json["map"] == nil)
        expectProblem(try service.post("/classify?input=yes", cat), 400, code: "bad_parameter")
        #expect(try service.post("/classify?input=0", cat).json["input"] == nil)
    }

    @Test("gives both for each of several images, as if it were alone, and none for a broken one")
    func several() throws {
        let form = Form(images: [cat, Array("hello".utf8), try TestImages.jpeg("gray")])
        let answer = try service.ask("POST", "/classify?map=1&input=1", headers: [Form.header], body: form.body)
        #expect(answer.results.map { $0["map"] != nil } == [true, false, true])
        #expect(answer.results.map { $0["input"] != nil } == [true, false, true])
        let alone = try service.post("/classify?map=1&input=1", try TestImages.jpeg("gray"))
        #expect(answer.results[2]["map"] as? NSDictionary == alone.json["map"] as? NSDictionary)
        #expect(answer.results[2]["input"] as? NSDictionary == alone.json["input"] as? NSDictionary)
    }

    @Test("says so where a network has no maps")
    func none() throws {
        let network = Network(
            name: "maximum", inputChannels: 3,
            operations: [
                SENet.Operation("conv", .convolution(Convolution(inputs: 3, outputs: 24, kernel: 3)), inputs: ["input"]),
                SENet.Operation("pool", .globalPooling(.max), inputs: ["conv"]),
                SENet.Operation("fc", .linear(Linear(inputs: 24, outputs: 5)), inputs: ["pool"]),
            ])
        let model = try TinyModel(network).load()
        let problem = #expect(throws: Problem.self) { try MappedClass("1", of: model) }
        #expect(problem?.status == 400 && problem?.code == "no_map")
    }

    @Test("encodes as Foundation does", arguments: 0..<20)
    func base64(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: 37 * $0 + 251) }
        #expect(Base64.encode(bytes) == Data(bytes).base64EncodedString())
    }
}
