import Foundation
import HubTesting
import Testing

@testable import ModelHub

@Suite("A pull")
struct ModelPullTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "excite-\(UUID().uuidString)")
    private let configuration = Array(#"{"architecture": "x"}"#.utf8)
    private let weights = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }

    private func hub(_ change: (inout FakeHub.Behaviour) -> Void = { _ in }) throws -> FakeHub {
        var behaviour = FakeHub.Behaviour()
        behaviour.files = ["config.json": configuration, "model.safetensors": weights]
        change(&behaviour)
        return try FakeHub(behaviour)
    }

    /// Pulls the hub's model; attempts follow each other at once.
    private func pull(
        _ hub: FakeHub, _ environment: [String: String] = [:], name: String = FakeHub.repository, revision: String = "main",
        digits: String? = nil, idleLimit: Duration = .seconds(30), proxy: String = "", change: (inout HubClient.Options) -> Void = { _ in },
        reporting: ModelPull.Reporting = .init(),
        checkConfiguration: (Data) throws -> Void = { _ in }, checkWeights: (String) throws -> Void = { _ in }
    ) throws -> ModelPull.Result {
        var options = try HubClient.Options(environment: ["HF_ENDPOINT": hub.endpoint].merging(environment) { $1 })
        options.firstPause = .milliseconds(1)
        options.idleLimit = idleLimit
        // None of the tests' own environment.
        options.proxy = proxy
        change(&options)
        let client = HubClient(options: options, userAgent: "test")
        return try ModelPull(client: client).model(
            Repository(name, revision: revision), to: folder, digits: digits, reporting: reporting,
            checkConfiguration: checkConfiguration, checkWeights: checkWeights)
    }

    /// The first byte that each request to the store asked for.
    private func starts(_ hub: FakeHub) -> [Int] {
        hub.store.requests.map { $0.headers["range"].flatMap { Int($0.dropFirst(6).dropLast()) } ?? 0 }
    }

    private func message(_ body: () throws -> ModelPull.Result) -> String {
        do {
            return "no error: \(try body())"
        } catch {
            return "\(error)"
        }
    }

    private func read(_ name: String) -> [UInt8]? { (try? Data(contentsOf: folder.appending(path: name))).map(Array.init) }
    private var files: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted() }
    private func expectComplete(_ location: SourceLocation = #_sourceLocation) {
        #expect(read("config.json") == configuration, sourceLocation: location)
        #expect(read("model.safetensors") == weights, sourceLocation: location)
        #expect(files == ["config.json", "model.safetensors"], sourceLocation: location)
    }
    private func clean() { try? FileManager.default.removeItem(at: folder) }

    @Test("brings both files, whether the hub sends the weights itself or names a store", arguments: [false, true])
    func whole(isDirect: Bool) throws {
        defer { clean() }
        let hub = try hub { $0.isDirect = isDirect }
        var counts: [Int] = []
        var total: Int?
        let result = try pull(
            hub,
            reporting: .init(progress: {
                counts.append($0)
                total = $1
            }))
        expectComplete()
        #expect(
            result == .init(commit: "0123456789abcdef0123456789abcdef01234567", wasPresent: false, isChecked: true, size: weights.count))
        #expect(counts.last == weights.count && counts == counts.sorted() && total == weights.count)
    }

    @Test("is done at once where everything is there, and mends what is not right")
    func again() throws {
        defer { clean() }
        let hub = try hub()
        _ = try pull(hub)
        #expect(try pull(hub).wasPresent)
        #expect(hub.store.requests.count <= 2)
        try Data([UInt8](repeating: 7, count: weights.count)).write(to: folder.appending(path: "model.safetensors"))
        #expect(try !pull(hub).wasPresent)
        expectComplete()
    }

    @Test("goes on where the connection was cut, with ranges")
    func cut() throws {
        defer { clean() }
        let hub = try hub { $0.cuts = [100_000, 50_000, 0, 1] }
        var notices: [String] = []
        _ = try pull(hub, reporting: .init(notice: { notices.append($0) }))
        expectComplete()
        // What the connection still held when it was cut may be lost, so how far each attempt came varies; but none starts anew.
        let starts = starts(hub)
        #expect(starts.count == 5 && starts == starts.sorted() && starts.last ?? 0 > 0, "\(starts)")
        #expect(notices.count == 4)
        #expect(notices.allSatisfy { $0.contains("\(FakeHub.repository)/model.safetensors: the connection was cut") })
    }

    @Test("goes on where nothing came any more")
    func stalled() throws {
        defer { clean() }
        let hub = try hub {
            $0.cuts = [100_000]
            $0.stalls = true
        }
        _ = try pull(hub, idleLimit: .seconds(1))
        expectComplete()
        #expect(starts(hub).count > 1 && starts(hub).last ?? 0 > 0)
    }

    @Test("goes on where an earlier one stopped")
    func resumed() throws {
        defer { clean() }
        let hub = try hub()
        let part = ".model.safetensors.\(FakeHub.sha256(weights)).part"
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(weights.prefix(123_456)).write(to: folder.appending(path: part))
        _ = try pull(hub)
        expectComplete()
        #expect(hub.store.requests.map { $0.headers["range"] } == ["bytes=123456-"])
    }

    @Test("goes on where an earlier one stopped, at a hub that sends large files itself")
    func resumedDirectly() throws {
        defer { clean() }
        let hub = try hub { $0.isDirect = true }
        let part = ".model.safetensors.\(FakeHub.sha256(weights)).part"
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(weights.prefix(123_456)).write(to: folder.appending(path: part))
        _ = try pull(hub)
        expectComplete()
        #expect(hub.hub.requests.last?.headers["range"] == "bytes=123456-")
    }

    @Test("starts anew where what an earlier one left is wrong, too long, or of another file")
    func badPart() throws {
        let sha256 = FakeHub.sha256(weights)
        for (name, bytes) in [
            (".model.safetensors.\(sha256).part", [UInt8](repeating: 1, count: 1000)),
            (".model.safetensors.\(sha256).part", weights + [0]),
            (".model.safetensors.\(sha256).part", [UInt8](repeating: 1, count: weights.count)),
        ] {
            let hub = try hub()
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data(bytes).write(to: folder.appending(path: name))
            _ = try pull(hub)
            expectComplete()
            clean()
        }
    }

    @Test("starts anew where the hub knows no ranges")
    func noRanges() throws {
        defer { clean() }
        let hub = try hub {
            $0.knowsRanges = false
            $0.cuts = [100_000]
        }
        _ = try pull(hub)
        expectComplete()
    }

    @Test("keeps nothing that is not what was announced")
    func wrongBytes() throws {
        defer { clean() }
        let announced = String(repeating: "ab", count: 32)
        let hub = try hub { $0.announced = announced }
        let text = message { try pull(hub) }
        #expect(text.contains("its SHA-256 is \(FakeHub.sha256(weights)), but the hub announced \(announced); nothing was kept"))
        #expect(files == [])
        hub.change {
            $0.announced = nil
            $0.excess = 10
        }
        #expect(message { try pull(hub) }.contains("more than the 300000 bytes that were announced"))
        #expect(files == [])
        hub.change { $0.excess = 0 }
        #expect(message { try pull(hub, digits: "00000000") }.contains("but it is published with 00000000"))
        #expect(files == [])
        #expect(try pull(hub, digits: String(FakeHub.sha256(weights).prefix(8))).isChecked)
        expectComplete()
    }

    @Test("says so where the hub announces no SHA-256")
    func unannounced() throws {
        defer { clean() }
        let hub = try hub { $0.announces = false }
        #expect(try !pull(hub).isChecked)
        expectComplete()
    }

    @Test("gives the token to the hub, and to nobody else")
    func token() throws {
        defer { clean() }
        let hub = try hub { $0.token = "hf_secret" }
        #expect(message { try pull(hub) }.contains("give a token that may read it, in HF_TOKEN"))
        #expect(message { try pull(hub, ["HF_TOKEN": "hf_other"]) }.contains("the token in HF_TOKEN may not read it"))
        _ = try pull(hub, ["HF_TOKEN": "hf_secret"])
        expectComplete()
        #expect(hub.store.port == hub.hub.port, "the host alone tells them apart")
        #expect(!hub.store.requests.isEmpty && hub.store.requests.allSatisfy { $0.headers["authorization"] == nil })
    }

    @Test("follows the hub's redirects to itself, with the token")
    func redirectToItself() throws {
        defer { clean() }
        let hub = try hub {
            $0.token = "hf_secret"
            $0.redirectsSmallFiles = true
        }
        _ = try pull(hub, ["HF_TOKEN": "hf_secret"])
        expectComplete()
        #expect(hub.hub.requests.contains { $0.target == "/cache/\(FakeHub.repository)/resolve/main/config.json" })
    }

    @Test("says what is wrong with the place where the model is to lie")
    func badPlace() throws {
        defer { clean() }
        let hub = try hub()
        try Data().write(to: folder)
        #expect(message { try pull(hub) }.contains("\(folder.path): cannot be made"))
        clean()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let part = try PartFile(path: folder.appending(path: ".model.safetensors.\(FakeHub.sha256(weights)).part").path)
        #expect(message { try pull(hub) }.contains("another program is downloading it"))
        part.remove()
    }

    @Test("says what is not there")
    func missing() throws {
        defer { clean() }
        let hub = try hub()
        #expect(message { try pull(hub, name: "no/model") }.contains("no/model/config.json: there is no such model (404)"))
        #expect(message { try pull(hub, revision: "v9") }.contains("the model has no such revision (404)"))
        hub.change { $0.files["model.safetensors"] = nil }
        let text = message { try pull(hub) }
        #expect(text.contains("the model has no such file (404); only models with weights in model.safetensors can be pulled"))
        #expect(files == [], "no config.json without weights")
    }

    @Test("takes the revision that is asked for")
    func revision() throws {
        defer { clean() }
        let hub = try hub()
        _ = try pull(hub, revision: "v2")
        #expect(hub.hub.requests.allSatisfy { $0.target.contains("/resolve/v2/") })
    }

    @Test("tries again what may pass, and gives up in the end", arguments: [429, 500, 503])
    func busy(status: Int) throws {
        defer { clean() }
        let hub = try hub {
            $0.storeStatuses = [status, status, status]
            $0.retryAfter = "0"
        }
        var notices: [String] = []
        _ = try pull(hub, reporting: .init(notice: { notices.append($0) }))
        expectComplete()
        #expect(notices.count == 3 && notices.allSatisfy { $0.contains("(\(status)); trying again in") })
        clean()
        hub.change { $0.storeStatuses = Array(repeating: status, count: 100) }
        #expect(message { try pull(hub) }.contains("(\(status)), 6 times in a row"))
    }

    @Test("says that a hub cannot be reached")
    func unreachable() throws {
        let port = try SocketServer { _ in .init(200) }.port
        let text = message { try pull(try hub(), ["HF_ENDPOINT": "http://127.0.0.1:\(port)"]) }
        #expect(text.contains("config.json: ") && text.contains("6 times in a row"))
    }

    @Test("keeps nothing that the checks refuse, and asks for no weights where the configuration is refused")
    func checks() throws {
        defer { clean() }
        struct Refusal: Error {}
        let hub = try hub()
        #expect(message { try pull(hub, checkConfiguration: { _ in throw Refusal() }) }.contains("Refusal"))
        #expect(hub.store.requests.isEmpty)
        #expect(message { try pull(hub, checkWeights: { _ in throw Refusal() }) }.contains("model.safetensors: Refusal"))
        #expect(files == [])
    }

    @Test("of a checkpoint outside the hub is held against the prefix of its SHA-256, and has no token")
    func file() throws {
        defer { clean() }
        let weights = weights
        let server = try SocketServer { request in
            request.headers["authorization"] == nil ? .init(200, headers: ["ETag": "\"0x8D\""], body: weights) : .init(400)
        }
        var options = try HubClient.Options(environment: ["HF_TOKEN": "hf_secret"])
        options.proxy = ""
        let client = HubClient(options: options, userAgent: "test")
        let url = try #require(URL(string: "http://127.0.0.1:\(server.port)/releases/net-01234567.pth"))
        func file(_ digits: String) throws -> ModelPull.Result {
            try ModelPull(client: client).file(url, to: folder.appending(path: "net.pth"), digits: digits)
        }
        #expect(message { try file("01234567") }.contains("but it is published with 01234567"))
        #expect(files == [])
        #expect(try file(String(FakeHub.sha256(weights).prefix(8))).isChecked)
        #expect(read("net.pth") == weights)
        #expect(files == ["net.pth"])
    }

    @Test("goes through a proxy: plain requests as they are, with the token only for the hub")
    func proxy() throws {
        defer { clean() }
        let (hub, proxy) = (try hub { $0.token = "hf_secret" }, try SocketProxy())
        _ = try pull(hub, ["HF_TOKEN": "hf_secret"], proxy: "http://me:secret@127.0.0.1:\(proxy.port)")
        expectComplete()
        #expect(proxy.requests.allSatisfy { $0.method == "GET" && $0.headers["proxy-authorization"] == "Basic bWU6c2VjcmV0" })
        let hosts = proxy.requests.map { $0.target.hasPrefix("\(hub.endpoint)/") ? "hub" : "store" }
        #expect(Set(hosts) == ["hub", "store"])
        #expect(zip(proxy.requests, hosts).allSatisfy { ($0.headers["authorization"] != nil) == ($1 == "hub") })
    }

    @Test("follows no endless redirects, and none that lead nowhere")
    func redirects() throws {
        for location in ["/a", "", "file:///etc/passwd", "gopher://x/"] {
            let server = try SocketServer { _ in .init(302, headers: ["Location": location]) }
            let text = message { try pull(try hub(), ["HF_ENDPOINT": "http://127.0.0.1:\(server.port)"]) }
            #expect(text.contains("redirected"), "\(location): \(text)")
        }
    }

    @Test("never takes the token to another port of the hub's host")
    func tokenStaysAtPort() throws {
        defer { clean() }
        let configuration = configuration
        let other = try SocketServer { _ in .init(200, body: configuration) }
        let server = try SocketServer { _ in .init(302, headers: ["Location": "http://127.0.0.1:\(other.port)/config.json"]) }
        #expect(throws: HubError.self) {
            try pull(try hub(), ["HF_ENDPOINT": "http://127.0.0.1:\(server.port)", "HF_TOKEN": "hf_secret"]) { _ in } checkConfiguration: {
                #expect(Array($0) == configuration)
                throw HubError.refused("enough")
            }
        }
        #expect(server.requests.map { $0.headers["authorization"] } == ["Bearer hf_secret"])
        #expect(other.requests.count == 1 && other.requests.allSatisfy { $0.headers["authorization"] == nil })
    }

    @Test("of a file without a tag is not tried again without end, however much each answer brings")
    func untaggedShort() throws {
        defer { clean() }
        let (configuration, weights) = (configuration, weights)
        let server = try SocketServer { request in
            guard request.target.hasSuffix("model.safetensors") else { return .init(200, body: configuration) }
            var reply = SocketServer.Reply(200, body: weights)
            reply.cutAfter = 100_000
            return reply
        }
        let text = message { try pull(try hub(), ["HF_ENDPOINT": "http://127.0.0.1:\(server.port)"]) }
        #expect(text.contains("times in a row"), "\(text)")
        // What the connection still held when it was cut may be lost, so one attempt may come further than the one before.
        #expect(server.requests.count < 40)
    }

    @Test("is not tried without end where each answer brings a little")
    func littleByLittle() throws {
        defer { clean() }
        let hub = try hub { $0.cuts = Array(repeating: 1000, count: 1000) }
        let text = message { try pull(hub) { $0.attemptsInAll = 20 } }
        #expect(text.contains(", 20 times;"), "\(text)")
        #expect(hub.store.requests.count == 20)
        hub.change { $0.cuts = [] }
        _ = try pull(hub)
        expectComplete()
    }

    @Test("keeps nothing of a file that goes on past the stated largest, where no size was announced")
    func endless() throws {
        defer { clean() }
        let (configuration, weights) = (configuration, weights)
        let server = try SocketServer { request in
            var reply = SocketServer.Reply(200, body: request.target.hasSuffix("config.json") ? configuration : weights)
            reply.isSized = false
            return reply
        }
        let environment = ["HF_ENDPOINT": "http://127.0.0.1:\(server.port)"]
        let text = message { try pull(try hub(), environment) { $0.largestUnannounced = 200_000 } }
        #expect(text.contains("with no size announced, arrived; nothing was kept"), "\(text)")
        #expect(files == [])
        _ = try pull(try hub(), environment) { $0.largestUnannounced = weights.count }
        expectComplete()
    }

    @Test("takes what an earlier one brought whole but did not place, without asking for it again")
    func wholePart() throws {
        defer { clean() }
        let hub = try hub()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(weights).write(to: folder.appending(path: ".model.safetensors.\(FakeHub.sha256(weights)).part"))
        _ = try pull(hub)
        expectComplete()
        #expect(hub.store.requests.map { $0.headers["range"] } == ["bytes=\(weights.count)-"])
    }

    @Test("is not misled by the part of another file")
    func otherPart() throws {
        defer { clean() }
        let hub = try hub()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (tag, count) in [(String(repeating: "0", count: 64), 400_000), (FakeHub.sha256(weights), 123_456)] {
            let bytes = tag.hasPrefix("00") ? [UInt8](repeating: 7, count: count) : Array(weights.prefix(count))
            try Data(bytes).write(to: folder.appending(path: ".model.safetensors.\(tag).part"))
        }
        _ = try pull(hub)
        #expect(read("model.safetensors") == weights)
        #expect(hub.store.requests.last?.headers["range"] == "bytes=123456-")
    }
}
