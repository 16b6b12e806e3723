import Foundation
import HubTesting
import Testing

@Suite("excite pull and excite models")
struct PullCommandTests {
    private let folder: TemporaryFolder
    private let tiny: TinyModel
    private var dir: String { folder.path("models") }

    init() throws {
        folder = try TemporaryFolder()
        tiny = try TinyModel()
    }

    private func hub(_ change: (inout FakeHub.Behaviour) -> Void = { _ in }) throws -> FakeHub {
        var behaviour = FakeHub.Behaviour()
        for name in ["config.json", "model.safetensors"] {
            behaviour.files[name] = Array(try Data(contentsOf: URL(filePath: tiny.path).appending(path: name)))
        }
        change(&behaviour)
        return try FakeHub(behaviour)
    }

    private func run(_ arguments: [String], _ hub: FakeHub? = nil, _ environment: [String: String] = [:]) throws -> Program {
        // No proxy and no token of the tests' own environment.
        var variables = ["EXCITE_MODELS_DIR": dir, "NO_PROXY": "*", "no_proxy": "*", "HF_TOKEN": ""]
        if let hub { variables["HF_ENDPOINT"] = hub.endpoint }
        return try Program(arguments, environment: variables.merging(environment) { $1 })
    }

    @Test("a pulled model is served and used by its name, and listed")
    func whole() throws {
        let hub = try hub { $0.cuts = [10_000] }
        let image = "\(Embedded.folder)/self-test.jpg"
        let before = try run(["classify", image, "--model", FakeHub.repository])
        #expect(try before.exitStatus() == 1)
        #expect(before.errors.contains("pull it with: excite pull \(FakeHub.repository)"), "\(before.errors)")

        let pull = try run(["pull", FakeHub.repository], hub)
        #expect(try pull.exitStatus() == 0, "\(pull.errors)")
        #expect(pull.output.contains("\(dir)/\(FakeHub.repository): "))
        #expect(
            pull.output.contains("SHA-256 as announced, commit 0123456789ab\nserve it with: excite serve --model \(FakeHub.repository)"))
        #expect(pull.errors.firstMatch(of: /the connection was cut after \d+ bytes; trying again in/) != nil, "\(pull.errors)")
        let again = try run(["pull", FakeHub.repository], hub)
        #expect(try again.exitStatus() == 0)
        #expect(again.output.contains("there already"))

        for name in [FakeHub.repository, "a-model"] {
            let classify = try run(["classify", image, "--model", name, "--top", "3"])
            #expect(try classify.exitStatus() == 0, "\(classify.errors)")
        }
        let served = try ServedProgram(["--model", "a-model"], environment: ["EXCITE_MODELS_DIR": dir])
        try served.waitForReadiness(200)
        #expect(try served.ask("GET", "/models").text.contains("seresnet18.tiny"))

        let list = try run(["models", "--format", "json"])
        #expect(try list.exitStatus() == 0)
        let json = try #require(try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [String: Any])
        let rows = try #require(json["models"] as? [[String: Any]])
        let row = try #require(rows.first { $0["name"] as? String == FakeHub.repository })
        #expect(row["folder"] as? String == "\(dir)/\(FakeHub.repository)")
        #expect(row["classes"] as? Int == 10)
        #expect(row["file_size"] as? Int != nil)
    }

    @Test("goes through the proxy that the environment names, and past it where no_proxy does, by address or by network")
    func proxies() throws {
        let (hub, proxy) = (try hub(), try SocketProxy())
        let address = "http://127.0.0.1:\(proxy.port)"
        for (variables, isProxied) in [
            (["http_proxy": address], true), (["ALL_PROXY": address], true), (["http_proxy": address, "NO_PROXY": "127.0.0.3"], true),
            (["http_proxy": address, "NO_PROXY": "127.0.0.1,127.0.0.2"], false),
            (["http_proxy": address, "no_proxy": "127.0.0.0/8"], false),
        ] {
            let before = proxy.requests.count
            let none = ["NO_PROXY": "", "no_proxy": "", "http_proxy": "", "all_proxy": "", "ALL_PROXY": ""]
            let program = try run(["pull", FakeHub.repository], hub, none.merging(variables) { $1 })
            #expect(try program.exitStatus() == 0, "\(variables): \(program.errors)")
            #expect((proxy.requests.count > before) == isProxied, "\(variables)")
            #expect(proxy.requests.allSatisfy { $0.method == "GET" }, "plain requests are not tunnelled")
        }
    }

    @Test("what cannot be served is not pulled")
    func unsupported() throws {
        let hub = try hub { $0.files["config.json"] = Array(#"{"architecture": "vit_base_patch16_224"}"#.utf8) }
        let program = try run(["pull", FakeHub.repository], hub)
        #expect(try program.exitStatus() == 1)
        #expect(program.errors.contains("\(FakeHub.repository) cannot be served, and was not pulled: architecture 'vit_base_patch16_224'"))
        #expect(hub.store.requests.isEmpty)
        hub.change { $0.files["config.json"] = Array("no JSON".utf8) }
        #expect(try run(["pull", FakeHub.repository], hub).exitStatus() == 1)
    }

    @Test("weights that are none are not kept")
    func badWeights() throws {
        let hub = try hub { $0.files["model.safetensors"] = [UInt8](repeating: 1, count: 5000) }
        let program = try run(["pull", FakeHub.repository], hub)
        #expect(try program.exitStatus() == 1)
        #expect(program.errors.contains("not a safetensors file"), "\(program.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(dir)/\(FakeHub.repository)") == [])
    }

    @Test("a name that is none is refused, with those that are like it")
    func unknown() throws {
        let program = try run(["pull", "seresnet50"])
        #expect(try program.exitStatus() == 1)
        #expect(program.errors.contains("do you mean seresnet50.a1_in1k or "), "\(program.errors)")
        let caffe = try run(["pull", "SENet-154"])
        #expect(try caffe.exitStatus() == 1)
        #expect(caffe.errors.contains("download it by hand from https://"))
        let bad = try run(["pull", "x/y"], nil, ["HF_ENDPOINT": "not an address"])
        #expect(try bad.exitStatus() == 1)
        #expect(bad.errors.contains("HF_ENDPOINT must be an address"))
    }

    @Test("weights of the catalogue that are not those that were published are not kept")
    func republished() throws {
        let hub = try hub { $0.repository = "timm/seresnet50.a2_in1k" }
        let program = try run(["pull", "seresnet50.a2_in1k"], hub)
        #expect(try program.exitStatus() == 1)
        #expect(program.errors.contains("but it is published with ff82ee22e5b6"), "\(program.errors)")
        #expect(try run(["pull", "seresnet50.a2_in1k", "--revision", "v2"], hub).exitStatus() == 0)
    }

    @Test("a model of the catalogue is asked for at its repository")
    func catalogue() throws {
        let hub = try hub()
        let program = try run(["pull", "seresnet50.a1_in1k", "--revision", "v2"], hub)
        #expect(try program.exitStatus() == 1)
        #expect(program.errors.contains("timm/seresnet50.a1_in1k/config.json: there is no such model (404)"))
        #expect(hub.hub.requests.map(\.target) == ["/timm/seresnet50.a1_in1k/resolve/v2/config.json"])
    }

    @Test("the catalogue has every published checkpoint's facts")
    func list() throws {
        let text = try run(["models"])
        #expect(try text.exitStatus() == 0)
        for name in ["seresnet50.a1_in1k", "legacy_senet154.in1k", "SE-ResNeXt-50", "seresnet34-tiny-imagenet"] {
            #expect(text.output.contains("\n\(name) "))
        }
        let json = try run(["models", "--format", "json"])
        #expect(try json.exitStatus() == 0)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        let rows = try #require(object["models"] as? [[String: Any]])
        #expect(rows.count >= 31 + 7)
        #expect(rows.allSatisfy { $0["license"] is String && $0["classes"] is Int && $0["input_size"] is [Int] })
        let row = try #require(rows.first { $0["name"] as? String == "SENet-154" })
        #expect(((row["results"] as? [[String: Any]])?.first?["top1"] as? Double) == 81.32)
        #expect(text.output.firstMatch(of: #/\nseresnet50\.a2_in1k +107\.4 MiB +28\.1 M +1,000 +224 / 288 +80\.08 / 81\.11 +/#) != nil)
        let onDisk = try run(["models", "--on-disk"])
        #expect(try onDisk.exitStatus() == 0)
        #expect(!onDisk.output.contains("SENet-154"))
    }
}
