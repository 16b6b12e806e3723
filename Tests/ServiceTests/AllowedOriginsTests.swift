import Foundation
import Testing

@testable import Service

@Suite("CORS")
struct AllowedOriginsTests {
    private static let page = "Origin: https://app.example"
    private static let question = [page, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization"]

    @Test("without an allowed origin no answer can be read by a page, and its question is 405")
    func none() throws {
        let service = try TestService()
        #expect(try service.ask("GET", "/models", headers: [Self.page]).header("Access-Control-Allow-Origin") == nil)
        expectProblem(try service.ask("OPTIONS", "/classify", headers: Self.question), 405, code: "method_not_allowed")
    }

    @Test("a page of an allowed origin may ask, and reads answers and refusals")
    func allowed() throws {
        let service = try TestService(origins: AllowedOrigins(["https://other.example", "https://app.example"]))
        let question = try service.ask("OPTIONS", "/classify", headers: Self.question)
        #expect(question.status == 204)
        #expect(question.body.isEmpty)
        #expect(question.header("Access-Control-Allow-Origin") == "https://app.example")
        #expect(question.header("Access-Control-Allow-Methods") == "POST")
        #expect(question.header("Access-Control-Allow-Headers") == "authorization")
        let good = try service.ask("POST", "/classify", headers: [Self.page], body: try TestImages.jpeg())
        #expect(good.status == 200)
        let refusals = [
            try service.ask("POST", "/classify?top=0", headers: [Self.page], body: try TestImages.jpeg()),
            try service.ask("GET", "/made/up", headers: [Self.page]),
            try service.ask("POST", "/classify", headers: [Self.page, "Content-Encoding: br"], body: [1]),
        ]
        for answer in [good] + refusals {
            #expect(answer.header("Access-Control-Allow-Origin") == "https://app.example", "\(answer.text)")
            #expect(answer.headers.contains { $0.name == "Vary" && $0.value == "Origin" })
        }
    }

    @Test("a page of another origin reads nothing, and its question is 405")
    func another() throws {
        let service = try TestService(origins: AllowedOrigins(["https://app.example"]))
        for origin in ["https://app.example.evil.example", "http://app.example", "null", "https://app.example:444"] {
            let answer = try service.ask("GET", "/models", headers: ["Origin: \(origin)"])
            #expect(answer.status == 200)
            #expect(answer.header("Access-Control-Allow-Origin") == nil)
            #expect(answer.headers.contains { $0.name == "Vary" && $0.value == "Origin" }, "a cache keeps it from the others")
            let question = try service.ask(
                "OPTIONS", "/classify", headers: ["Origin: \(origin)", "Access-Control-Request-Method: POST"])
            #expect(question.status == 405)
        }
    }

    @Test("a star is every origin; what is no question of a browser's is 405, and of an unknown path 404")
    func star() throws {
        let service = try TestService(origins: AllowedOrigins(["*"]))
        #expect(try service.ask("GET", "/livez", headers: [Self.page]).header("Access-Control-Allow-Origin") == "*")
        #expect(try service.ask("OPTIONS", "/classify", headers: Self.question).status == 204)
        expectProblem(try service.ask("OPTIONS", "/classify", headers: [Self.page]), 405, code: "method_not_allowed")
        expectProblem(try service.ask("OPTIONS", "/made/up", headers: Self.question), 404, code: "not_found")
    }

    @Test(
        "an origin is written as browsers send it",
        arguments: [
            ("https://app.example", true), ("http://localhost:3000", true), ("http://[::1]:8080", true), ("*", true),
            ("https://app.example/", false), ("app.example", false), ("https://*.example", false), ("", false), ("null", false),
        ])
    func origins(text: String, isOne: Bool) { #expect(AllowedOrigins.isOrigin(text) == isOne) }
}
