import Foundation
import SENet
import Testing

@testable import Service
@testable import Serving

@Suite("Several models and versions over HTTP")
struct ModelRouteTests {
    /// Versions 1 and 2 of `cats`, which have 7 and 8 classes, and `timm/dogs`.
    private func service(
        versions: Int = 2, memory: Int? = nil, isAdministered: Bool = false
    ) throws -> (TestService, ModelsOnDisk, StoreUnderTest) {
        let disk = try ModelsOnDisk()
        try disk.put("one", classes: 7, "cats/1")
        try disk.put("two", classes: 8, "cats/2")
        try disk.put("dog", classes: 9, "timm/dogs")
        let test = try StoreUnderTest(disk, versions: versions, memory: memory)
        #expect(try test.store.start() == nil)
        return (try TestService(store: test.store, isAdministered: isAdministered), disk, test)
    }

    @Test("each protocol names model and version in its own way")
    func versions() throws {
        let (service, disk, test) = try service()
        try withExtendedLifetime((disk, test)) {
            let image = try TestImages.jpeg("cat")
            let base64 = Data(image).base64EncodedString()
            func answer(_ target: String, _ body: [UInt8], type: String = "application/octet-stream") throws -> String {
                try service.ask("POST", target, headers: ["Content-Type: \(type)"], body: body).text
            }
            let tensorFlow = Array(#"{"examples": [{"image": {"b64": "\#(base64)"}}]}"#.utf8)
            let open = Array(
                #"""
                {"inputs": [{"name": "i", "datatype": "BYTES", "shape": [1], "data": ["\#(base64)"]}],
                 "outputs": [{"name": "logits", "parameters": {"classification": 1}}]}
                """#.utf8)
            for (version, word) in [("1", "one-"), ("2", "two-"), (nil, "two-")] {
                let (query, path) = (version.map { "@\($0)" } ?? "", version.map { "/versions/\($0)" } ?? "")
                #expect(try answer("/classify?model=cats\(query)", image).contains(word))
                #expect(try answer("/predictions/cats\(version.map { "/\($0)" } ?? "")", image).contains(word))
                #expect(try answer("/predictions/cats\(version.map { "/\($0).0" } ?? "")", image).contains(word))
                #expect(try answer("/v1/models/cats\(path):classify", tensorFlow, type: "application/json").contains(word))
                let tensor = try answer("/v2/models/cats\(path)/infer", open, type: "application/json")
                #expect(tensor.contains(word) && tensor.contains("\"model_version\":\"\(version ?? "2")\""))
                #expect(try answer("/models/cats\(query)", image).contains(word))
                #expect(try service.get("/v2/models/cats\(path)/config").text.contains(version == "1" ? "[7]" : "[8]"))
            }
            let json = try service.post("/classify?model=cats@1", image).json
            #expect(json["model"] as? String == "cats" && json["version"] as? Int == 1)
            #expect(try service.get("/v2/models/cats").json["versions"] as? [String] == ["2", "1"])
            let status = try service.get("/v1/models/cats").json["model_version_status"] as? [[String: Any]]
            #expect(status?.compactMap { $0["version"] as? String } == ["2", "1"])
            // The owner may be left out.
            #expect(try answer("/predictions/dogs", image).contains("dog-"))
            #expect(try service.post("/embed?model=timm/dogs", image).status == 200)

            let unknown = try service.post("/classify?model=cats@3", image)
            expectProblem(unknown, 404, code: "unknown_version")
            #expect(unknown.text.contains("there are: 2, 1"))
            let targets = [
                "/predictions/cats/3", "/v1/models/cats/versions/3:classify", "/v2/models/cats/versions/3/infer", "/models/cats@3",
            ]
            for target in targets {
                let answer = try service.ask("POST", target, body: image)
                #expect(answer.status == 404 && answer.text.contains("there are: 2, 1"), "\(answer.text)")
            }
            let unnamed = try service.post("/classify", image)
            expectProblem(unnamed, 400, code: "model_not_named")
            #expect(unnamed.text.contains("cats, timm/dogs"))
        }
    }

    @Test("tells of every model how it stands with it")
    func models() throws {
        let (service, disk, test) = try service(versions: 1)
        try disk.folder.write("{}", to: "broken/config.json")
        test.store.rescan()
        func models() throws -> [[String: Any]] { try service.get("/models").json["models"] as? [[String: Any]] ?? [] }
        #expect(try eventually { try models().contains { $0["state"] as? String == "failed" } })
        let all = try models()
        #expect(all.map { $0["name"] as? String } == ["broken", "cats", "timm/dogs"])
        #expect(all.map { $0["state"] as? String } == ["failed", "serving", "serving"])
        #expect(all[1]["version"] as? Int == 2 && all[1]["classes"] as? Int == 8)
        #expect((all[0]["error"] as? String)?.contains("config.json") == true)
        expectProblem(try service.post("/classify?model=broken", TestImages.jpeg()), 503, code: "model_failed")
        let index = try service.ask("POST", "/v2/repository/index", body: []).text
        #expect(index.contains("UNAVAILABLE") && index.contains("READY"))
    }

    @Test("models are loaded and unloaded by request where the operator allows it, and not else")
    func administered() throws {
        let path = "/v2/repository/models/cats"
        let (closed, closedDisk, closedTest) = try service()
        try withExtendedLifetime((closedDisk, closedTest)) {
            let refused = try closed.post("\(path)/unload", [])
            #expect(refused.status == 403 && refused.text.contains("--admin"))
            #expect(try closed.post("/classify?model=cats", TestImages.jpeg()).status == 200)
        }
        let (service, disk, test) = try service(isAdministered: true)
        try withExtendedLifetime(test) {
            #expect(try service.post("\(path)/unload", []).status == 200)
            expectProblem(try service.post("/classify?model=cats", TestImages.jpeg()), 503, code: "model_unloaded")
            #expect(try service.post("\(path)/load", []).status == 200)
            #expect(try service.post("/classify?model=cats", TestImages.jpeg()).status == 200)
            try disk.put("three", classes: 5, "cats/3")
            #expect(try service.post("\(path)/load", []).status == 200)
            #expect(try service.post("/classify?model=cats", TestImages.jpeg()).json["version"] as? Int == 3)
            try disk.folder.write("{}", to: "cats/4/config.json")
            let wrong = try service.post("\(path)/load", [])
            #expect(wrong.status == 400 && wrong.text.contains("config.json"))
            #expect(try service.post("/classify?model=cats", TestImages.jpeg()).json["version"] as? Int == 3)
            #expect(try service.post("/v2/repository/models/none/load", []).status == 400)
        }
    }

    @Test("a request to a model that was unloaded for others has it loaded and is answered")
    func memory() throws {
        let bytes = try ModelsOnDisk.model("dog", classes: 9).load().plan.weightBytes
        let (service, disk, test) = try service(versions: 1, memory: bytes)
        try withExtendedLifetime((disk, test)) {
            for name in ["cats", "timm/dogs", "cats", "timm/dogs"] {
                let answer = try service.post("/classify?model=\(name)", TestImages.jpeg("cat"))
                #expect(answer.json["model"] as? String == name, "\(answer.text)")
            }
            #expect(try service.get("/v2/models/cats/ready").status == 200)
            let states = (try service.get("/models").json["models"] as? [[String: Any]])?.compactMap { $0["state"] as? String }
            #expect(states?.sorted() == ["serving", "unloaded"])
        }
    }
}
