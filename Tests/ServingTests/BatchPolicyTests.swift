import Testing
import Threads

@testable import Serving

@Suite("When a batch is run")
struct BatchPolicyTests {
    private let now = ContinuousClock.now
    /// Runs of any size are expected to take 30 ms, or what `cost` is begun with.
    private func cost(_ seconds: Double = 0.03) -> ModelCost {
        var cost = ModelCost()
        cost.begin(seconds: seconds / ModelCost.margin)
        for _ in 0..<500 { cost.follow(images: 1000, seconds: seconds / ModelCost.margin) }
        return cost
    }

    private func policy(maxDelay: Duration = .zero, decoders: Int = 2) -> BatchPolicy {
        BatchPolicy(largestBatch: 4, maxDelay: maxDelay, stragglerWait: .milliseconds(20), decoders: decoders)
    }

    private func decision(
        ready: Int, decoding: Int, age: Duration = .zero, sinceLast: Duration = .zero, maxDelay: Duration = .zero, decoders: Int = 2,
        deadline: Duration? = nil, around: BatchPolicy.Surroundings = .init()
    ) -> String {
        var around = around
        around.cost = cost()
        let batch = BatchPolicy.Batch(
            began: now - age, lastReady: now - sinceLast, deadline: deadline.map { now + $0 }, ready: ready, decoding: decoding)
        switch policy(maxDelay: maxDelay, decoders: decoders).release(batch, around, at: now) {
        case .done(let release): return release.rawValue
        case .wait(until: nil): return "wait"
        case .wait(until: let end?): return "wait \(((end - now) / .milliseconds(1)).rounded()) ms"
        }
    }

    @Test("as soon as nothing more waits, or it is full")
    func workConserving() {
        #expect(decision(ready: 0, decoding: 1, sinceLast: .seconds(9)) == "wait")
        #expect(decision(ready: 1, decoding: 0) == "session_free")
        #expect(decision(ready: 3, decoding: 0, age: .seconds(9)) == "session_free")
        #expect(decision(ready: 4, decoding: 0) == "full")
    }

    @Test("after the longest delay, where there is one")
    func delay() {
        #expect(decision(ready: 3, decoding: 0, age: .milliseconds(10), maxDelay: .milliseconds(50)) == "wait 40.0 ms")
        #expect(decision(ready: 3, decoding: 0, age: .milliseconds(50), maxDelay: .milliseconds(50)) == "delay")
        #expect(decision(ready: 4, decoding: 0, maxDelay: .milliseconds(50)) == "full")
        let hurried = BatchPolicy.Surroundings(isHurried: true)
        #expect(decision(ready: 3, decoding: 0, maxDelay: .milliseconds(50), around: hurried) == "session_free")
        let joining = BatchPolicy.Surroundings(waiting: 1)
        #expect(decision(ready: 3, decoding: 0, maxDelay: .milliseconds(50), around: joining) == "wait 50.0 ms", "it will be taken")
    }

    @Test("in time for the earliest deadline of its images")
    func deadline() {
        let delay = Duration.milliseconds(50)
        #expect(decision(ready: 3, decoding: 0, maxDelay: delay, deadline: .milliseconds(70)) == "wait 40.0 ms", "a run takes 30 ms")
        #expect(decision(ready: 3, decoding: 0, maxDelay: delay, deadline: .milliseconds(90)) == "wait 50.0 ms")
        #expect(decision(ready: 3, decoding: 0, maxDelay: delay, deadline: .milliseconds(29)) == "deadline")
        #expect(decision(ready: 3, decoding: 0, deadline: .milliseconds(29)) == "session_free")
        let more = BatchPolicy.Surroundings(waiting: 1)
        #expect(decision(ready: 3, decoding: 0, deadline: .milliseconds(29), around: more) == "deadline")
        #expect(decision(ready: 3, decoding: 0, deadline: .milliseconds(31), around: more) == "session_free")
        #expect(decision(ready: 4, decoding: 0, deadline: .milliseconds(29), around: more) == "full")
    }

    @Test("without stragglers, of which there may only be so many")
    func stragglers() {
        #expect(decision(ready: 3, decoding: 1, sinceLast: .milliseconds(5)) == "wait 15.0 ms")
        #expect(decision(ready: 3, decoding: 1, sinceLast: .milliseconds(20)) == "straggler")
        #expect(decision(ready: 3, decoding: 1, sinceLast: .milliseconds(20), decoders: 0) == "wait")
        #expect(decision(ready: 1, decoding: 3, sinceLast: .milliseconds(20), decoders: 2) == "wait")
        let busy = BatchPolicy.Surroundings(stragglers: 2)
        #expect(decision(ready: 3, decoding: 1, sinceLast: .milliseconds(20), around: busy) == "wait")
        let slow = BatchPolicy.Surroundings(usualDecode: .milliseconds(10))
        #expect(decision(ready: 3, decoding: 1, sinceLast: .milliseconds(20), around: slow) == "wait 20.0 ms")
    }

    @Test("one more joins while there is room and those that it has are still in time")
    func joining() {
        func mayJoin(_ count: Int, _ deadline: Duration? = nil) -> Bool {
            var cost = ModelCost()
            cost.begin(seconds: 0.01)
            let batch = BatchPolicy.Batch(began: now, lastReady: now, deadline: deadline.map { now + $0 }, ready: count)
            return policy().mayJoin(batch, cost: cost, at: now)
        }
        #expect(mayJoin(3) && !mayJoin(4))
        #expect(mayJoin(2, .milliseconds(43)) && !mayJoin(2, .milliseconds(41)), "three take 42 ms")
    }

    /// A batch and what is around it, drawn at random.
    private struct Drawn {
        let policy: BatchPolicy
        let batch: BatchPolicy.Batch
        let around: BatchPolicy.Surroundings

        init(_ random: inout SplitMix, now: ContinuousClock.Instant) {
            func milliseconds(_ range: ClosedRange<Int>) -> Duration { .milliseconds(Int.random(in: range, using: &random)) }
            let (decoders, largest) = (Int.random(in: 1...8, using: &random), Int.random(in: 1...16, using: &random))
            policy = BatchPolicy(
                largestBatch: largest, maxDelay: Bool.random(using: &random) ? .zero : milliseconds(1...50),
                stragglerWait: milliseconds(0...20), decoders: decoders)
            let began = now - milliseconds(0...60)
            let ready = Int.random(in: 0...largest, using: &random)
            batch = BatchPolicy.Batch(
                began: began, lastReady: began + milliseconds(0...60),
                deadline: Bool.random(using: &random) ? now + milliseconds(-50...200) : nil, ready: ready,
                decoding: Int.random(in: 0...min(decoders, largest - ready), using: &random))
            var cost = ModelCost()
            cost.begin(seconds: Double.random(in: 0...0.05, using: &random))
            around = BatchPolicy.Surroundings(
                waiting: Int.random(in: 0...3, using: &random), isHurried: Bool.random(using: &random),
                stragglers: Int.random(in: 0...decoders, using: &random), usualDecode: milliseconds(0...10), cost: cost)
        }
    }

    @Test("whatever the state is, these hold", arguments: 0..<4)
    func drawn(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var seen: Set<String> = []
        for _ in 0..<5000 {
            let drawn = Drawn(&random, now: now)
            let (policy, batch, around) = (drawn.policy, drawn.batch, drawn.around)
            let mayJoin = policy.mayJoin(batch, cost: around.cost, at: now)
            let hasRoom = batch.count < policy.largestBatch
            #expect(!mayJoin || hasRoom, "it never grows past the largest")
            #expect(batch.deadline != nil || mayJoin == hasRoom, "only a deadline keeps one out of a free place")
            switch policy.release(batch, around, at: now) {
            case .done(let release):
                seen.insert(release.rawValue)
                #expect(batch.ready > 0, "nothing is run empty")
                #expect((release == .straggler) == (batch.decoding > 0), "only stragglers are left behind")
                #expect(batch.decoding + around.stragglers <= policy.decoders, "no more than there are decoders")
                #expect((release == .full) == (batch.ready == policy.largestBatch))
                #expect(release != .delay || policy.maxDelay > .zero && batch.began + policy.maxDelay <= now)
                #expect(release != .deadline || batch.deadline != nil)
            case .wait(until: nil):
                seen.insert("wait")
                #expect(
                    batch.ready == 0 || batch.decoding + around.stragglers > policy.decoders, "somebody will come: no time is waited for")
                #expect(batch.ready == 0 || batch.decoding > 0, "a batch that is ready does not wait for ever")
            case .wait(until: let end?):
                seen.insert("wait until")
                #expect(end > now, "it is not asked again at once")
                #expect(batch.decoding > 0 || policy.maxDelay > .zero && !around.isHurried, "no timer by default")
                #expect(batch.decoding > 0 || end <= batch.began + policy.maxDelay)
                // At the instant that it names it is run, if nothing has changed.
                let decided = if case .done = policy.release(batch, around, at: end) { true } else { false }
                #expect(decided)
            }
        }
        #expect(seen.count == 7, "the states drawn lead everywhere: \(seen)")
    }
}
