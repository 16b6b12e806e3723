import Testing

@testable import Serving

@Suite("What is measured")
struct EstimateTests {
    private let now = ContinuousClock.now

    @Test("a bad measurement is forgotten where none follows, and does not count where nothing else is to do")
    func decay() {
        var estimate = Estimate(0.01)
        for _ in 0..<100 { estimate.follow(100, at: now) }
        #expect(estimate.value > 99)
        func believed(after seconds: Double, isIdle: Bool = false) -> Double {
            estimate.believed(at: now + .seconds(seconds), isIdle: isIdle).value
        }
        #expect(believed(after: 0) == estimate.value)
        #expect(abs(believed(after: 10) - 50) < 0.1)
        #expect(believed(after: 600) < 0.0101)
        #expect(believed(after: 0, isIdle: true) == 0.01)
    }

    @Test("what is believed lies between the fastest and what was measured, and falls with time", arguments: 0..<8)
    func drawn(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var (estimate, at, fastest) = (Estimate(Double.random(in: 0.001...1, using: &random)), now, Double.infinity)
        fastest = estimate.value
        for _ in 0..<200 {
            at += .milliseconds(Int.random(in: 0...5000, using: &random))
            let measured = Double.random(in: 0.001...10, using: &random)
            estimate.follow(measured, at: at)
            fastest = min(fastest, measured)
            #expect(estimate.fastest == fastest)
            let values = (0...3).map { estimate.believed(at: at + .seconds($0 * 7), isIdle: false).value }
            #expect(values[0] == estimate.value)
            #expect(values.allSatisfy { $0 >= fastest } && zip(values, values.dropFirst()).allSatisfy { $0 >= $1 })
        }
    }

    @Test("computing and decoding count together for what a lane gets through, and apart for a run")
    func cost() {
        var cost = ModelCost()
        cost.begin(seconds: 0.1)
        for _ in 0..<500 { cost.follow(decoding: 0.3) }
        #expect(abs(cost.throughput(lanes: 2) - 5) < 1e-6)
        #expect(cost.expectedRun(images: 1) == .seconds(ModelCost.margin * 0.1))
    }
}
