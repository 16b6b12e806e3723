import Foundation
import SENet
import Testing

@testable import HTTPServer
@testable import Service
@testable import Serving

@Suite("Open Inference Protocol")
struct OpenInferenceTests {
    private let service: TestService
    private let model: Model
    private let cat: [UInt8]

    init() throws {
        service = try TestService()
        model = try TestService.tiny.get()
        cat = try TestImages.jpeg("cat")
    }

    private var path: String { "/v2/models/\(model.name)" }

    private func infer(_ object: [String: Any], headers: [String] = []) throws -> HTTPAnswer {
        try infer(Array(JSONSerialization.data(withJSONObject: object)), headers: headers)
    }

    private func infer(_ body: [UInt8], headers: [String] = []) throws -> HTTPAnswer {
        try service.ask("POST", "\(path)/infer", headers: headers, body: body)
    }

    private func infer(_ object: [String: Any], behind binary: [UInt8]) throws -> HTTPAnswer {
        let json = try Array(JSONSerialization.data(withJSONObject: object))
        return try infer(json + binary, headers: ["Inference-Header-Content-Length: \(json.count)"])
    }

    private func outputs(_ answer: HTTPAnswer) -> [[String: Any]] { answer.json["outputs"] as? [[String: Any]] ?? [] }
    private func numbers(_ output: [String: Any]?) -> [Float] { (output?["data"] as? [Double] ?? []).map { Float($0) } }

    private var image: [String: Any] {
        ["name": "image", "datatype": "BYTES", "shape": [1], "data": [Data(cat).base64EncodedString()]]
    }

    /// A tensor of any content: (count, 3, height, width), and its bytes.
    private func tensor(_ count: Int) -> (values: [Float], bytes: [UInt8], shape: [Int]) {
        let shape = model.plan.inputShape
        let values = (0..<count * shape.count).map { Float($0 % 251) / 97 - 1.3 }
        let bytes = values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
        return (values, bytes, [count, shape.channels, shape.height, shape.width])
    }

    @Test("takes Triton's priorities: 1 for the first, more for the low one, 0 for what the header says")
    func priority() throws {
        func accepted(_ priority: String) throws -> Double {
            let metrics = try Exposition(service.metrics.render())
            return try #require(metrics.value("excite_inputs_total", ["priority": priority, "outcome": "accepted"]))
        }
        for (level, header, priority) in [(0, "low", "low"), (1, "low", "normal"), (2, "normal", "low"), (9, "normal", "low")] {
            let before = try accepted(priority)
            let answer = try infer(["inputs": [image], "parameters": ["priority": level]], headers: ["X-Priority: \(header)"])
            #expect(try answer.status == 200 && accepted(priority) == before + 1, "\(level)")
        }
        #expect(try infer(["inputs": [image], "parameters": ["priority": -1]]).status == 400)
    }

    @Test("says what the server and its models are")
    func metadata() throws {
        let server = try service.get("/v2").json
        #expect(server["name"] as? String == "excite" && (server["extensions"] as? [String])?.contains("binary_tensor_data") == true)
        #expect(try service.get("/v2/health/live").json["live"] as? Bool == true)
        #expect(try service.get("/v2/health/ready").json["ready"] as? Bool == true)
        let (metadata, shape) = (try service.get(path).json, model.plan.inputShape)
        let input = (metadata["inputs"] as? [[String: Any]])?.first
        #expect(input?["shape"] as? [Int] == [-1, shape.channels, shape.height, shape.width] && input?["datatype"] as? String == "FP32")
        #expect((metadata["outputs"] as? [[String: Any]])?.first?["shape"] as? [Int] == [-1, model.plan.classes])
        #expect(try service.get("\(path)/ready").json["ready"] as? Bool == true)
        let configuration = try service.get("\(path)/versions/1/config").json
        #expect(configuration["max_batch_size"] as? Int == service.pool.largestBatch)
        #expect((configuration["input"] as? [[String: Any]])?.first?["format"] as? String == "FORMAT_NCHW")
        #expect(try service.get("\(path)/versions/2").status == 404)
        #expect(try service.get("/v2/models/none").json["error"] as? String != nil)
        let index = try service.ask("POST", "/v2/repository/index", body: Array("{}".utf8))
        #expect(index.text.contains("\"state\":\"READY\"") && index.text.contains(model.name))
        #expect(try service.ask("POST", "/v2/repository/models/a/load", body: []).status == 403)
    }

    @Test("is not ready while the models load")
    func loading() throws {
        let service = try TestService(.loading)
        #expect(try service.get("/v2/health/ready").status == 503 && service.get("/v2/health/live").status == 200)
        #expect(try service.get(path).status == 503)
    }

    @Test("an image gives what /classify gives, to the last bit, with every output that is asked for")
    func images() throws {
        let expected = try service.post(cat).predictions
        let answer = try infer([
            "id": "a b", "inputs": [image],
            "outputs": [
                ["name": "probabilities"], ["name": "logits"], ["name": "features"],
            ],
        ])
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.json["id"] as? String == "a b" && answer.json["model_name"] as? String == model.name)
        let outputs = outputs(answer)
        #expect(outputs.map { $0["name"] as? String } == ["probabilities", "logits", "features"])
        let scores = numbers(outputs.first)
        #expect(scores.count == model.plan.classes && numbers(outputs.last).count == model.plan.featureCount)
        for prediction in expected {
            let index = try #require(prediction["index"] as? Int)
            #expect(scores[index] == (prediction["score"] as? Double).map { Float($0) })
        }
        // As Triton's clients ask for labels.
        let classes = try infer(["inputs": [image], "outputs": [["name": "probabilities", "parameters": ["classification": 2]]]])
        let texts = try #require(self.outputs(classes).first?["data"] as? [String])
        #expect(self.outputs(classes).first?["shape"] as? [Int] == [1, 2] && texts.count == 2)
        let parts = texts[0].split(separator: ":")
        #expect(Int(parts[1]) == expected[0]["index"] as? Int && Float(parts[0]) == (expected[0]["score"] as? Double).map { Float($0) })
    }

    @Test("tensors give the same bits as JSON, nested or flat, in binary, and without a word of JSON")
    func tensors() throws {
        let (values, bytes, shape) = tensor(2)
        let input: [String: Any] = ["name": "x", "datatype": "FP32", "shape": shape]
        let flat = try infer(["inputs": [input.merging(["data": values]) { $1 }]])
        #expect(flat.status == 200, "\(flat.text)")
        let expected = numbers(outputs(flat).first)
        #expect(expected.count == 2 * model.plan.classes && outputs(flat).first?["shape"] as? [Int] == [2, model.plan.classes])
        let size = values.count / 6
        let nested = (0..<2).map { image in
            (0..<3).map { channel in Array(values[(image * 3 + channel) * size..<(image * 3 + channel + 1) * size]) }
        }
        #expect(try numbers(outputs(infer(["inputs": [input.merging(["data": nested]) { $1 }]])).first) == expected)
        let sized = input.merging(["parameters": ["binary_data_size": bytes.count]]) { $1 }
        #expect(try numbers(outputs(infer(["inputs": [sized]], behind: bytes)).first) == expected)
        let binary = try infer(["inputs": [sized], "parameters": ["binary_data_output": true]], behind: bytes)
        let length = try #require(binary.header("Inference-Header-Content-Length").flatMap { Int($0) })
        let json = try #require(try JSONSerialization.jsonObject(with: binary.body.prefix(length)) as? [String: Any])
        #expect(((json["outputs"] as? [[String: Any]])?.first?["parameters"] as? [String: Int])?["binary_data_size"] == 4 * expected.count)
        let tail = Array(binary.body.dropFirst(length))
        #expect(tail == expected.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } })
        let lone = try infer(bytes, headers: ["Inference-Header-Content-Length: 0"])
        #expect(Array(lone.body.suffix(tail.count)) == tail)
        let file = try infer(cat, headers: ["Inference-Header-Content-Length: 0"])
        let asJSON = try infer(["inputs": [image]])
        #expect(
            Array(file.body.suffix(4 * model.plan.classes))
                == numbers(outputs(asJSON).first).flatMap { value in
                    withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
                })
    }

    @Test("image files may follow the JSON, each behind its length; a bad one is the request's error")
    func binaryImages() throws {
        func element(_ bytes: [UInt8]) -> [UInt8] { withUnsafeBytes(of: UInt32(bytes.count).littleEndian) { Array($0) } + bytes }
        func input(_ size: Int, _ count: Int) -> [String: Any] {
            ["inputs": [["name": "i", "datatype": "BYTES", "shape": [count, 1], "parameters": ["binary_data_size": size]]]]
        }
        let two = element(cat) + element(try TestImages.jpeg("gray"))
        let answer = try infer(input(two.count, 2), behind: two)
        #expect(try numbers(outputs(answer).first).prefix(model.plan.classes) == numbers(outputs(infer(["inputs": [image]])).first)[...])
        let bad = element(cat) + element([1, 2, 3])
        let refused = try infer(input(bad.count, 2), behind: bad)
        #expect(refused.status == 415 && refused.text.contains("image 2 of 2"))
    }

    @Test("compressed bodies are read, and large answers compressed where the client takes it")
    func compressed() throws {
        let body = try Array(JSONSerialization.data(withJSONObject: ["inputs": [image], "outputs": [["name": "features"]]]))
        let expected = try infer(body)
        for (coding, bytes) in [("gzip", try gzip(body, format: 16)), ("deflate", try gzip(body, format: 0))] {
            #expect(try infer(bytes, headers: ["Content-Encoding: \(coding)"]).body == expected.body)
            #expect(try infer(Array(bytes.dropLast(9)), headers: ["Content-Encoding: \(coding)"]).status == 400)
            #expect(try infer(bytes + [1], headers: ["Content-Encoding: \(coding)"]).status == 400)
        }
        #expect(try infer(body, headers: ["Content-Encoding: br"]).status == 415)
        let bomb = try gzip([UInt8](repeating: 0x20, count: 40 << 20), format: 16)
        #expect(bomb.count < 1 << 20)
        #expect(try infer(bomb, headers: ["Content-Encoding: gzip"]).status == 413)
        let answer = try service.ask("GET", "/openapi.json", headers: ["Accept-Encoding: br, gzip;q=0.5"])
        #expect(answer.header("Content-Encoding") == "gzip" && answer.body.starts(with: [0x1F, 0x8B]))
        #expect(try service.ask("GET", "/openapi.json", headers: ["Accept-Encoding: gzip;q=0"]).header("Content-Encoding") == nil)
    }

    @Test("statistics count what was answered")
    func statistics() throws {
        #expect(try infer(["inputs": [image]]).status == 200)
        let statistics = try #require(try (service.get("\(path)/stats").json["model_stats"] as? [[String: Any]])?.first)
        #expect(statistics["inference_count"] as? Int == 1 && statistics["execution_count"] as? Int == 1)
        let success = (statistics["inference_stats"] as? [String: [String: Int]])?["success"]
        #expect(success?["count"] == 1 && (success?["ns"] ?? 0) > 0)
    }

    @Test("a timeout that cannot be kept is refused; one of 0 is none")
    func timeout() throws {
        let gate = try service.holdDecoder()
        defer { gate.open() }
        let answer = try infer(["inputs": [image], "parameters": ["timeout": 1, "priority": 1]])
        #expect(answer.status == 429 || answer.status == 504, "\(answer.text)")
        gate.open()
        #expect(try infer(["inputs": [image], "parameters": ["timeout": 0]]).status == 200)
    }

    @Test("an image that waits counts among the bodies in memory, decoded from base64 or where it lies, until it is answered")
    func memory() throws {
        let element = withUnsafeBytes(of: UInt32(cat.count).littleEndian) { Array($0) } + cat
        let sized: [String: Any] = [
            "name": "i", "datatype": "BYTES", "shape": [1], "parameters": ["binary_data_size": element.count],
        ]
        let json = try Array(JSONSerialization.data(withJSONObject: ["inputs": [sized]]))
        for (body, headers) in [
            (try Array(JSONSerialization.data(withJSONObject: ["inputs": [image]])), []),
            (json + element, ["Inference-Header-Content-Length: \(json.count)"]),
        ] {
            let gate = try service.holdDecoder()
            defer { gate.open() }
            let client = try HTTPClient(port: service.server.port)
            client.send("POST", "\(path)/infer", headers: headers, body: body)
            #expect(eventually { service.waiting == 1 })
            #expect(service.server.statistics.bodyBytes == body.count)
            gate.open()
            #expect(try client.read().status == 200)
            #expect(eventually { service.server.statistics.bodyBytes == 0 })
        }
    }

    @Test("what does not fit together is refused with the reason")
    func refused() throws {
        let (values, bytes, shape) = tensor(1)
        func input(_ fields: [String: Any]) -> [String: Any] {
            ["inputs": [["name": "x", "datatype": "FP32", "shape": shape, "data": values].merging(fields) { $1 }]]
        }
        let cases: [([String: Any], String)] = [
            ([:], "'inputs'"), (["inputs": []], "'inputs'"), (["inputs": [image, image]], "more than one input"),
            (input(["shape": [-1, 3, 5]]), "not positive"), (input(["shape": [Int.max, 3, 5, 5]]), "number"),
            (input(["shape": [1, 3, 5, 5]]), "FP32"),
            (input(["shape": []]), "begin"), (input(["datatype": "INT64"]), "datatype"), (input(["data": [1, 2]]), "2 numbers"),
            (input(["data": [[1, 2], [3]]]), "equally long"), (input(["data": ["a"]]), "base64"), (input(["data": [NSNull()]]), "number"),
            (input(["datatype": "BYTES", "shape": [1]]), "base64"),
            (input(["datatype": "BYTES", "shape": [2], "data": ["AA=="]]), "1 images"),
            (input(["datatype": "BYTES", "shape": [1, 2], "data": ["AA==", "AA=="]]), "[N, 1]"),
            (input(["parameters": ["binary_data_size": 7]]), "binary_data_size"),
            (input([:]).merging(["outputs": [["name": "x"]]]) { $1 }, "no output 'x'"),
            (input([:]).merging(["outputs": [["name": "features", "parameters": ["classification": 2]]]]) { $1 }, "features"),
            (input([:]).merging(["parameters": ["timeout": -1]]) { $1 }, "timeout"), (input([:]).merging(["id": 5]) { $1 }, "a string"),
        ]
        for (object, reason) in cases {
            let answer = try infer(object)
            #expect(answer.status == 400 && (answer.json["error"] as? String)?.contains(reason) == true, "\(reason): \(answer.text)")
        }
        for (body, headers) in [
            (Array("{\"inputs\":".utf8), []), ([], []), (bytes, ["Inference-Header-Content-Length: x"]),
            (bytes, ["Inference-Header-Content-Length: 99999999"]), (Array("{}".utf8) + bytes, ["Inference-Header-Content-Length: 2"]),
            (Array("NaN".utf8), []), (Array(String(repeating: "[", count: 100_000).utf8), []),
        ] as [([UInt8], [String])] {
            #expect(try infer(body, headers: headers).status == 400)
        }
        #expect(try infer(input(["data": values.map { $0 * 2e38 }])).status == 400, "logits that are no numbers")
    }

    private func gzip(_ bytes: [UInt8], format: Int32) throws -> [UInt8] { try #require(deflated(bytes, windowBits: 15 + format)) }
}
