import Foundation
import Testing

@testable import Service

@Suite("The page at /")
struct PageTests {
    private static let paths = ["/", "/page.js", "/page.jpg"]

    @Test("is small in all, and asks for nothing of another host")
    func small() throws {
        let service = try TestService()
        var total = 0
        for (path, type) in zip(Self.paths, ["text/html; charset=utf-8", "text/javascript; charset=utf-8", "image/jpeg"]) {
            let answer = try service.get(path)
            #expect(answer.status == 200 && answer.header("Content-Type") == type)
            total += answer.body.count
            guard path != "/page.jpg" else { continue }
            let text = answer.text.replacingOccurrences(of: "http://www.w3.org/2000/svg", with: "")
            #expect(!text.contains("//fonts") && !text.contains("src=\"http") && !text.contains("url(") && !text.contains("@import"))
            #expect(!text.contains("innerHTML") && !text.contains("style=\"") && !text.contains("onclick"))
        }
        #expect(total < 60_000)
    }

    @Test("lets the browser run and ask for nothing but what is this server's", arguments: paths)
    func policy(path: String) throws {
        let answer = try TestService().get(path)
        let policy = try #require(answer.header("Content-Security-Policy"))
        for directive in ["default-src 'none'", "script-src 'self'", "style-src '", "connect-src 'self'", "frame-ancestors 'none'"] {
            #expect(policy.contains(directive))
        }
        #expect(!policy.contains("unsafe") && !policy.contains("http"))
        #expect(answer.header("X-Content-Type-Options") == "nosniff")
    }

    @Test("is styled by the very style that is in it, and by nothing else")
    func style() throws {
        let page = try TestService().get("/")
        let style = try #require(page.text.firstMatch(of: /<style>([^<]+)<\/style>/))
        let hash = Base64.encode(try #require(Array(style.1.utf8).withUnsafeBytes { sha256($0) }))
        #expect(page.header("Content-Security-Policy")?.contains("style-src 'sha256-\(hash)'; ") == true)
        #expect(style.1.contains("--accent") && !page.text.contains("stylesheet"))
    }

    @Test("is not sent again to who has it", arguments: paths)
    func tags(path: String) throws {
        let service = try TestService()
        let tag = try #require(try service.get(path).header("ETag"))
        #expect(tag.hasPrefix("W/\"") && tag.hasSuffix("\""))
        #expect(try service.get(path).header("ETag") == tag)
        for known in [tag, "\"other\", \(tag)", "*", String(tag.dropFirst(2))] {
            let answer = try service.ask("GET", path, headers: ["If-None-Match: \(known)"])
            #expect(answer.status == 304 && answer.body.isEmpty && answer.header("ETag") == tag, "\(known)")
        }
        #expect(try service.ask("GET", path, headers: ["If-None-Match: \"other\""]).status == 200)
        let packed = try service.ask("GET", path, headers: ["Accept-Encoding: gzip"])
        #expect(packed.status == 200 && packed.header("ETag") == tag)
    }

    @Test("has different tags for different files")
    func differentTags() throws {
        let service = try TestService()
        #expect(try Set(Self.paths.map { try service.get($0).header("ETag") }).count == 3)
    }

    @Test("is there while the models load")
    func loading() throws {
        let service = try TestService(.loading)
        for path in Self.paths { #expect(try service.get(path).status == 200) }
    }

    @Test("leaves / to who posts there")
    func posts() throws {
        let service = try TestService()
        #expect(try service.ask("POST", "/", body: try TestImages.jpeg()).status == 200)
    }

    @Test("is gone where it is not wanted, and without charts where these are not; the description says as much")
    func switchedOff() throws {
        let none = try TestService(page: .none)
        for path in Self.paths { #expect(try [404, 405].contains(none.get(path).status)) }
        #expect((try none.get("/openapi.json").json["paths"] as? [String: Any])?["/page.js"] == nil)
        let full = try TestService().get("/").text
        let plain = try TestService(page: .withoutMetrics).get("/").text
        #expect(full.contains("id=\"live\"") && !plain.contains("id=\"live\""))
        #expect(full.contains("id=\"curl\"") && plain.contains("id=\"curl\"") && plain.contains("</html>"))
    }
}
