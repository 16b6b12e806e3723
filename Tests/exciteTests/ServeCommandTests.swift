import Foundation
import HTTPServer
import Testing

@testable import excite

@Suite("excite serve")
struct ServeCommandTests {
    private let image = "\(Embedded.folder)/self-test.jpg"

    private func jpeg() throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: image))) }

    @Test("serves the model that comes with the program, and ends with 0 on SIGTERM")
    func embedded() throws {
        let served = try ServedProgram()
        try served.waitForReadiness(200)
        let answer = try served.ask("POST", "/classify?top=1", headers: ["X-Request-Id: the-id"], body: try jpeg())
        #expect(answer.status == 200)
        #expect(answer.json["model"] as? String == "seresnet34.tiny_imagenet")
        #expect(try Exposition(try served.ask("GET", "/metrics").text).value("excite_requests_in_flight") == 1, "the one that asks")
        served.program.signal(SIGTERM)
        #expect(try served.program.exitStatus() == 0)
        #expect(served.program.output.isEmpty)
        #expect(served.log.last?["message"] as? String == "stopped")
    }

    @Test("writes a JSON object a line to its log, one for each request")
    func log() throws {
        let served = try ServedProgram()
        try served.waitForReadiness(200)
        let answer = try served.ask(
            "POST", "/classify", headers: ["X-Request-Id: the-id", "traceparent: 00-ab-cd-01"], body: try jpeg())
        served.program.signal(SIGTERM)
        #expect(try served.program.exitStatus() == 0)
        #expect(served.log.count == served.program.errors.split(separator: "\n").count, "\(served.program.errors)")
        for line in served.log { #expect(line["time"] != nil && line["level"] != nil && line["message"] != nil) }
        let line = try #require(served.log.first { $0["id"] as? String == "the-id" })
        #expect(line["route"] as? String == "/classify")
        #expect(line["status"] as? Int == 200)
        #expect(line["bytes"] as? Int == (try jpeg().count))
        #expect(line["traceparent"] as? String == "00-ab-cd-01")
        #expect(line["batch"] as? Int == 1)
        #expect(line["label"] as? String == answer.predictions.first?["label"] as? String)
        for key in ["total_ms", "receive_ms", "decode_ms", "queue_ms", "inference_ms"] { #expect(line[key] is NSNumber, "\(key)") }
    }

    @Test("serves the folders that it is given, by option or environment variable")
    func folders() throws {
        let models = [try TinyModel(tag: "one"), try TinyModel(tag: "two")]
        let paths = try models.map { try $0.path }.joined(separator: ",")
        for served in [try ServedProgram(models: models), try ServedProgram(environment: ["EXCITE_MODEL": paths])] {
            try served.waitForReadiness(200)
            let list = try served.ask("GET", "/models").json["models"] as? [[String: Any]]
            #expect(list?.map { $0["name"] as? String } == ["seresnet18.one", "seresnet18.two"])
            served.program.signal(SIGTERM)
            #expect(try served.program.exitStatus() == 0)
        }
        withExtendedLifetime(models) {}
    }

    @Test("calls models as it is told to, as far as names are given, and refuses more names than models")
    func names() throws {
        let models = [try TinyModel(tag: "one"), try TinyModel(tag: "two")]
        let served = try ServedProgram(models: models, environment: ["EXCITE_MODEL_NAME": "pets"])
        try served.waitForReadiness(200)
        let list = try served.ask("GET", "/models").json["models"] as? [[String: Any]]
        #expect(list?.map { $0["name"] as? String } == ["pets", "seresnet18.two"])
        #expect(try served.ask("GET", "/v2/models/pets/ready").status == 200)
        served.program.signal(SIGTERM)
        #expect(try served.program.exitStatus() == 0)
        withExtendedLifetime(models) {}
        for arguments in [["--model-name", "a", "--model-name", "b"], ["--model-name", ""]] {
            let refused = try Program(["serve", "--port", "0"] + arguments)
            #expect(try refused.exitStatus() == 64)
        }
    }

    @Test("ends at once with 0 on SIGTERM while it loads")
    func terminatedWhileLoading() throws {
        // A pipe that nobody writes to: loading never ends.
        let tiny = try TinyModel(weights: false)
        #expect(mkfifo("\(try tiny.path)/model.safetensors", 0o600) == 0)
        let served = try ServedProgram(models: [tiny])
        try served.waitForReadiness(503, "loading the model")
        served.program.signal(SIGTERM)
        #expect(try served.program.exitStatus() == 0)
        #expect(served.log.last?["message"] as? String == "stopped")
    }

    @Test("refusals beyond the first few are told in one line")
    func flood() throws {
        let served = try ServedProgram()
        try served.waitForReadiness(200)
        for _ in 0..<50 { #expect(try served.ask("GET", "/made/up").status == 404) }
        served.program.signal(SIGTERM)
        #expect(try served.program.exitStatus() == 0)
        #expect(served.log.filter { $0["status"] as? Int == 404 && $0["message"] as? String == "request" }.count == 20)
        #expect(served.log.filter { $0["status"] as? Int == 404 }.compactMap { $0["requests"] as? Int }.reduce(0, +) == 30)
    }

    @Test("answers every accepted request after SIGTERM")
    func drain() throws {
        // Not what a second clears: that depends on how busy the machine is.
        let served = try ServedProgram(["--queue", "100"])
        try served.waitForReadiness(200)
        let clients = try (0..<48).map { _ in
            let client = try HTTPClient(port: served.port)
            client.send("POST", "/classify", body: try jpeg())
            return client
        }
        served.program.signal(SIGTERM)
        for client in clients {
            let answer = try client.read()
            #expect(answer.status == 200)
            #expect(answer.predictions.count == 5)
        }
        #expect(try served.program.exitStatus() == 0)
    }

    @Test("is not ready but still answers while it waits for load balancers to notice; a second SIGINT ends it at once")
    func secondInterrupt() throws {
        let served = try ServedProgram(["--drain-delay", "3600"])
        try served.waitForReadiness(200)
        served.program.signal(SIGINT)
        try served.waitForReadiness(503, "shutting down")
        #expect(try served.ask("GET", "/livez").status == 200)
        #expect(try served.ask("POST", "/classify", body: try jpeg()).status == 200)
        served.program.signal(SIGINT)
        #expect(try served.program.exitStatus() == 130)
    }

    @Test("is never ready with a model that fails its self-test")
    func failedSelfTest() throws {
        let tiny = try TinyModel()
        try tiny.folder.get().write(Data(try jpeg()), to: "self-test.jpg")
        try tiny.folder.get().write(#"{"image": "self-test.jpg", "predictions": [{"index": 0, "score": 2}]}"#, to: "self-test.json")
        let served = try ServedProgram(models: [tiny])
        let reason = try served.waitForReadiness(503, "the self-test failed: seresnet18.tiny: ")
        #expect(reason.contains("self-test.jpg"))
        #expect(try served.ask("POST", "/classify", body: try jpeg()).status == 503)
        served.program.signal(SIGTERM)
        #expect(try served.program.exitStatus() == 0)
    }

    @Test("at SIGHUP, and where it watches by itself, serves what has come into its folder of models", arguments: [[], ["--watch"]])
    func reloads(options: [String]) throws {
        let (folder, tiny) = (try TemporaryFolder(), try TinyModel())
        func put(_ name: String) throws {
            try FileManager.default.copyItem(atPath: tiny.path, toPath: folder.path(".new"))
            try FileManager.default.moveItem(atPath: folder.path(".new"), toPath: folder.path(name))
        }
        let served = try ServedProgram(["--models", folder.url.path] + options)
        try served.waitForReadiness(503, "there is no model to serve")
        try put("cats")
        if options.isEmpty { served.program.signal(SIGHUP) }
        try served.waitForReadiness(200)
        #expect(try served.ask("POST", "/classify", body: try jpeg()).json["model"] as? String == "cats")
        try put("dogs")
        if options.isEmpty { served.program.signal(SIGHUP) }
        #expect(try eventually { try served.ask("POST", "/classify?model=dogs", body: try jpeg()).status == 200 })
        let refused = try served.ask("POST", "/classify", body: try jpeg())
        #expect(refused.status == 400 && refused.text.contains("cats, dogs"))
        #expect(try served.ask("POST", "/v2/repository/models/cats/unload", body: []).status == 403)
        served.program.signal(SIGTERM)
        #expect(try served.program.exitStatus() == 0)
    }

    @Test("becomes ready when a model that failed its self-test has been mended")
    func mended() throws {
        let tiny = try TinyModel()
        try tiny.folder.get().write(Data(try jpeg()), to: "self-test.jpg")
        try tiny.folder.get().write(#"{"image": "self-test.jpg", "predictions": [{"index": 0, "score": 2}]}"#, to: "self-test.json")
        let served = try ServedProgram(models: [tiny])
        try served.waitForReadiness(503, "the self-test failed: ")
        try FileManager.default.removeItem(atPath: tiny.folder.get().path("self-test.json"))
        served.program.signal(SIGHUP)
        try served.waitForReadiness(200)
        #expect(try served.ask("POST", "/classify", body: try jpeg()).status == 200)
    }

    @Test("ends with 1 where the port is in use")
    func portInUse() throws {
        let service = try TestService(.loading)
        let program = try Program(["serve", "--port", "\(service.server.port)"])
        #expect(try program.exitStatus() == 1)
        #expect(program.errors.contains("Cannot listen on 127.0.0.1:\(service.server.port). The port is in use by another program"))
    }

    @Test("ends with 1 where a model's folder is missing, broken or given twice")
    func noModel() throws {
        let missing = try Program(["serve", "--port", "0", "--model", "no/such/model"])
        #expect(try missing.exitStatus() == 1)
        #expect(missing.errors.contains("no/such/model/config.json: cannot be opened: No such file or directory"))

        let withoutWeights = try TinyModel(weights: false)
        let broken = try Program(["serve", "--port", "0"], models: [withoutWeights])
        #expect(try broken.exitStatus() == 1)
        #expect(broken.errors.contains("\(try withoutWeights.path)/model.safetensors: cannot be opened"))

        let tiny = try TinyModel()
        let twice = try Program(["serve", "--port", "0"], models: [tiny, tiny])
        #expect(try twice.exitStatus() == 1)
        #expect(twice.errors.contains("two models are named 'seresnet18.tiny'"))
    }
}
