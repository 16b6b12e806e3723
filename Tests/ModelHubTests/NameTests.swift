import Foundation
import Testing

@testable import ModelHub

@Suite("Names and addresses")
struct NameTests {
    @Test("a repository is owner/name", arguments: [("timm/seresnet50.a1_in1k", true), ("a/b", true), ("A-1/b_2.c", true)])
    func good(name: String, isName: Bool) { #expect(Repository.isName(name) == isName) }

    @Test(
        "anything else is none: nothing that could leave the models folder",
        arguments: [
            "", "a", "a/", "/a", "a/b/c", "../b", "a/..", "a/.b", ".a/b", "a/b..c", "a/b c", "a\\b", "a/b?c", "a/b#c", "a/b%2fc", "é/b",
        ])
    func bad(name: String) {
        #expect(!Repository.isName(name))
        #expect(throws: HubError.self) { try Repository(name) }
    }

    @Test("a file is at ENDPOINT/owner/name/resolve/REVISION/FILE, a slash of the revision escaped")
    func url() throws {
        let repository = try Repository("a/b", revision: "refs/pr/1")
        for endpoint in ["https://hub.example", "https://hub.example/"] {
            let url = repository.url(of: "config.json", at: try #require(URL(string: endpoint)))
            #expect(url.absoluteString == "https://hub.example/a/b/resolve/refs%2Fpr%2F1/config.json")
        }
        #expect(throws: HubError.self) { try Repository("a/b", revision: "") }
        #expect(throws: HubError.self) { try Repository("a/b", revision: "../x") }
    }

    @Test("the models folder is the user's own, or what is asked for")
    func folder() {
        #expect(ModelsFolder(nil, environment: ["XDG_DATA_HOME": "/data", "HOME": "/home/me"]).path == "/data/excite/models")
        #expect(
            ModelsFolder(nil, environment: ["XDG_DATA_HOME": "relative", "HOME": "/home/me"]).path == "/home/me/.local/share/excite/models")
        #expect(ModelsFolder("/models", environment: ["XDG_DATA_HOME": "/data"]).path == "/models")
        #expect(ModelsFolder("/models", environment: [:]).existing("../etc") == nil)
    }

    @Test("a hub's settings that make no sense are refused, with the variable's name")
    func options() throws {
        for variables in [
            ["HF_ENDPOINT": "hub"], ["HF_ENDPOINT": "ftp://hub"], ["HF_TOKEN": "a b"], ["HF_TOKEN": "a\r\nX: y"],
            ["HTTPS_PROXY": "https://proxy:1"], ["http_proxy": "://"],
        ] {
            let error = #expect(throws: HubError.self) { _ = try HubClient.Options(environment: variables) }
            #expect(error?.description.contains(variables.keys.first ?? "?") == true, "\(variables): \(error?.description ?? "")")
        }
        #expect(try HubClient.Options(environment: [:]).endpoint.absoluteString == "https://huggingface.co")
    }
}

@Suite("Proxies")
struct ProxyTests {
    private func proxy(_ environment: [String: String], _ url: String) throws -> String? {
        let url = try #require(URL(string: url))
        let proxy = try ProxySettings(environment: environment).proxy(for: url)
        return proxy.map { "\($0.host):\($0.port)" }
    }

    @Test("each scheme has its own; ALL_PROXY stands in; small letters win")
    func schemes() throws {
        let environment = ["HTTPS_PROXY": "http://secure:3128", "HTTP_PROXY": "plain:3128", "http_proxy": "http://small:1"]
        #expect(try proxy(environment, "https://hub") == "secure:3128")
        #expect(try proxy(environment, "http://hub") == "small:1")
        #expect(try proxy(["ALL_PROXY": "socks5://socks"], "https://hub") == "socks:1080")
        #expect(try proxy(["HTTPS_PROXY": ""], "https://hub") == nil)
        #expect(try proxy([:], "https://hub") == nil)
    }

    @Test(
        "NO_PROXY names hosts, domains and ports",
        arguments: [
            ("hub.example", true), (".example", true), ("example", true), ("*.example", true), ("*", true), ("a, hub.example", true),
            ("HUB.EXAMPLE", true), ("hub.example:443", true), ("hub.example:80", false), ("ub.example", false), ("other", false),
            ("", false),
        ])
    func exceptions(list: String, isDirect: Bool) throws {
        let environment = ["HTTPS_PROXY": "http://proxy:1", "NO_PROXY": list]
        #expect(try (proxy(environment, "https://hub.example/x") == nil) == isDirect)
    }

    @Test("a proxy's user and password are kept")
    func authorization() throws {
        let settings = try ProxySettings(environment: ["https_proxy": "http://me:secret@proxy:1"])
        let hub = try #require(URL(string: "https://hub"))
        let proxy = try #require(settings.proxy(for: hub))
        #expect(proxy.authorization == .basic(username: "me", password: "secret"))
    }
}
