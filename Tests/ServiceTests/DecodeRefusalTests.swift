import Testing

@testable import Service
@testable import Serving

@Suite("Refusals of images that take much to decode")
struct DecodeRefusalTests {
    /// 4 MB are held for it, and decoding it takes 6.5 ms as estimated.
    private let heavy = emptyScans(width: 2000, height: 1000)

    private func service(budget: Duration = .seconds(10)) throws -> TestService {
        try TestService(options: {
            $0.decodeMemory = 16 << 20
            $0.decodeBudget = budget
        })
    }

    @Test("a request of more decoding than it may ask for is 413 as a whole")
    func requestBudget() throws {
        let service = try service(budget: .milliseconds(10))
        expectProblem(try service.post(Form(images: [heavy, heavy])), 413, code: "decode_budget")
        #expect(try service.post(Form(images: [heavy, try TestImages.jpeg()])).results.count == 2)
    }

    @Test("an image for which there is not enough memory is 413, and its neighbours are answered")
    func memory() throws {
        let service = try service()
        let huge = emptyScans(width: 4000, height: 4000)
        expectProblem(try service.post(huge), 413, code: "decode_memory")
        let results = try service.post(Form(images: [huge, try TestImages.jpeg()])).results
        expectProblem(try #require(results.first?["error"] as? [String: Any]), 413, code: "decode_memory")
        #expect(results.last.map(HTTPAnswer.predictions)?.count == 5)
    }

    @Test("a client that has as many heavy images in hand as it may is 429, and told when to come back")
    func clientBudget() throws {
        let service = try service(budget: .milliseconds(10))
        let (gate, model) = (Gate(), try TestService.tiny.get())
        let held = InferenceRequest(inputs: [.image(HeldImage(bytes: heavy, gate: gate))], model: model, client: "127.0.0.1")
        service.pool.submit(held) { _ in }
        let answer = try service.post(heavy)
        expectProblem(answer, 429, code: "too_much_decoding")
        #expect(try #require(answer.header("Retry-After").flatMap { Int($0) }) >= 1)
        #expect(try service.post(try TestImages.jpeg()).status == 200)
        gate.open()
        #expect(eventually { service.pool.unanswered == 0 })
        #expect(try service.post(heavy).status == 200)
    }
}
