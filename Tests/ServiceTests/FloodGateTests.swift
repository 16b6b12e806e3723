import Testing

@testable import Service

@Suite("The log under a flood of failing requests")
struct FloodGateTests {
    private let gate = FloodGate()
    private let start = ContinuousClock.now

    private func passed(_ status: Int, _ count: Int, after: Duration = .zero) -> Int {
        (0..<count).count { _ in gate.pass(status, at: start + after).isOpen }
    }

    @Test("every answer is logged, and the first refusals of each status")
    func allowed() {
        #expect(passed(200, 1000) == 1000)
        #expect(passed(429, 1000) == 20)
        #expect(passed(404, 5) == 5)
        #expect(gate.flush() == [.init(status: 429, count: 980)])
        #expect(gate.flush().isEmpty)
    }

    @Test("what was held back is told with the first request after ten seconds, and the next refusals are logged again")
    func told() {
        #expect(passed(429, 50) == 20)
        #expect(gate.pass(200, at: start + .seconds(9)).held.isEmpty)
        #expect(gate.pass(200, at: start + .seconds(10)).held == [.init(status: 429, count: 30)])
        #expect(gate.pass(200, at: start + .seconds(11)).held.isEmpty)
        #expect(passed(429, 50, after: .seconds(12)) == 20)
    }
}
