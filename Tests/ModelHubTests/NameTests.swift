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
        ] {
            let error = #expect(throws: HubError.self) { _ = try HubClient.Options(environment: variables) }
            #expect(error?.description.contains(variables.keys.first ?? "?") == true, "\(variables): \(error?.description ?? "")")
        }
        #expect(try HubClient.Options(environment: [:]).endpoint.absoluteString == "https://huggingface.co")
    }
}
