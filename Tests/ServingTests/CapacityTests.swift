import Testing

@testable import Serving

@Suite("What a pool gets through, simulated")
struct CapacityTests {
    /// Every image takes 8 ms in a run of its own, and 2 ms more beside others; decoding takes 1 ms.
    private func costs(_ largest: Int = 8, alone: Double = 0.008, more: Double = 0.002, decode: Double = 0.001) -> MeasuredCosts {
        MeasuredCosts(runs: (0..<largest).map { alone + Double($0) * more }, decodes: [decode])
    }

    private func options(largestBatch: Int, threads: Int = 1, queue: Int = .max) -> EnginePool.Options {
        var options = EnginePool.Options(threads: threads)
        options.largestBatch = largestBatch
        options.queue = queue
        return options
    }

    private func outcome(
        _ options: EnginePool.Options, _ costs: MeasuredCosts, rate: Double, requests: Int = 20_000, deadline: Duration? = nil
    ) -> PoolSimulation.Outcome {
        PoolSimulation(options, costs: costs, deadline: deadline).run(rate: rate, requests: requests)
    }

    @Test("a rare request takes what it takes alone")
    func alone() {
        let outcome = outcome(options(largestBatch: 8), costs(), rate: 0.0001, requests: 1000)
        #expect(outcome.latencies.count == 1000 && outcome.batches == 1000 && outcome.refused == 0)
        #expect(abs(outcome.latency(0.5) - 0.009) < 1e-9 && abs(outcome.latency(0.99) - 0.009) < 1e-9)
    }

    @Test("what a request takes besides holds up nobody; a server that is slower is so for runs and decoding")
    func besides() {
        var costs = costs()
        costs.transit = [0.003]
        #expect(abs(outcome(options(largestBatch: 8), costs, rate: 0.0001, requests: 100).latency(0.5) - 0.012) < 1e-9)
        costs.slowdown = 2
        #expect(abs(outcome(options(largestBatch: 8), costs, rate: 0.0001, requests: 100).latency(0.5) - 0.021) < 1e-9)
    }

    /// A queue with random arrivals, one server and the same service for all (M/D/1): a request waits s·u / (2 (1 − u)) on average for its turn,
    /// by Pollaczek and Khinchine, where a share u of the time is busy.
    @Test("one image at a time wait as the theory of queues says", arguments: [0.3, 0.5, 0.7])
    func theory(busy: Double) {
        let costs = costs(1, alone: 0.010, decode: 0)
        let outcome = outcome(options(largestBatch: 1), costs, rate: busy / 0.010, requests: 200_000)
        let mean = outcome.latencies.reduce(0, +) / Double(outcome.latencies.count)
        let expected = 0.010 + 0.010 * busy / (2 * (1 - busy))
        #expect(abs(mean / expected - 1) < 0.03, "\(mean) s, by the theory \(expected) s")
    }

    @Test("full load is that of full batches, decoded by all of a lane's threads, in every lane", arguments: [1, 2, 16])
    func fullLoad(threads: Int) {
        let (lanes, decoders) = (threads == 16 ? 2.0 : 1, threads == 16 ? 8.0 : Double(threads))
        let expected = lanes * 8 / (0.008 + 7 * 0.002 + 8 * 0.001 / decoders)
        let found = outcome(options(largestBatch: 8, threads: threads, queue: 64), costs(), rate: 3 * expected).answersPerSecond
        #expect(abs(found / expected - 1) < 0.02, "\(found), expected \(expected)")
    }

    @Test("batches grow with the rate, and so does what waits")
    func growth() {
        let outcomes = [20.0, 100, 200, 240].map { outcome(options(largestBatch: 8), costs(), rate: $0) }
        for (fewer, more) in zip(outcomes, outcomes.dropFirst()) {
            #expect(fewer.imagesPerBatch < more.imagesPerBatch)
            #expect(fewer.latency(0.5) < more.latency(0.5) && fewer.latency(0.99) < more.latency(0.99))
        }
    }

    @Test("the same seed gives the same result, another one another")
    func seeds() {
        let simulation = PoolSimulation(options(largestBatch: 8), costs: costs())
        #expect(simulation.run(rate: 100, requests: 1000) == simulation.run(rate: 100, requests: 1000))
        #expect(simulation.run(rate: 100, requests: 1000) != simulation.run(rate: 100, requests: 1000, seed: 2))
    }

    @Test("every request has an answer or a refusal; a short queue refuses, and is short to wait in")
    func overload() {
        let short = outcome(options(largestBatch: 4, queue: 4), costs(), rate: 1000)
        let long = outcome(options(largestBatch: 4, queue: 400), costs(), rate: 1000)
        for outcome in [short, long] { #expect(outcome.latencies.count + outcome.refused == 20_000 && outcome.refused > 10_000) }
        #expect(short.latency(0.99) < 0.05 && long.latency(0.99) > 1)
        #expect(short.latencyOfAll(0.99) == .infinity, "a request that was refused had no answer")
    }

    @Test("with a deadline, whoever is answered is answered by then, or while its batch ran")
    func deadline() {
        let outcome = outcome(options(largestBatch: 8), costs(), rate: 1000, deadline: .milliseconds(60))
        #expect(outcome.refused > 0 && outcome.latencies.count > 1000)
        #expect((outcome.latencies.last ?? 1) < 0.060 + 0.008 + 7 * 0.002)
    }

    @Test("an image that takes far longer to decode goes with a later batch")
    func straggler() {
        var costs = costs()
        costs.decodes = Array(repeating: 0.001, count: 99) + [0.3]
        let outcome = outcome(options(largestBatch: 8, threads: 2), costs, rate: 60)
        #expect(outcome.latencies.count == 20_000)
        // Behind every such image the others would wait for 300 ms: at 60 a second more than a tenth of all.
        #expect(outcome.latency(0.9) < 0.1)
    }
}

@Suite("Which options keep an objective")
struct CapacityPlannerTests {
    private func planner(
        _ milliseconds: Int, alone: Double = 0.008, more: Double = 0.002, threads: Int = 2
    ) -> CapacityPlanner {
        let costs = MeasuredCosts(
            runs: (0..<16).map { alone + Double($0) * more }, delays: [-0.001, 0, 0, 0.002], decodes: [0.0008, 0.001, 0.0015])
        return CapacityPlanner(
            LatencyObjective(share: 0.99, limit: .milliseconds(milliseconds)), costs: costs, options: EnginePool.Options(threads: threads))
    }

    /// What a server with the plan's options would see.
    private func outcome(_ planner: CapacityPlanner, _ plan: CapacityPlan, rate: Double, seed: UInt64) -> PoolSimulation.Outcome {
        var options = planner.options
        (options.largestBatch, options.queue) = (plan.largestBatch, plan.queue)
        return PoolSimulation(options, costs: planner.costs, deadline: plan.deadline).run(rate: rate, requests: 50_000, seed: seed)
    }

    @Test("they keep it at the capacity that is promised, for other arrivals too, and hardly above", arguments: [20, 50, 200])
    func capacity(milliseconds: Int) throws {
        let planner = planner(milliseconds)
        let plan = try #require(planner.plan())
        let limit = Double(milliseconds) / 1000
        for seed in [2, 3, 4] as [UInt64] {
            #expect(outcome(planner, plan, rate: plan.capacity, seed: seed).latencyOfAll(0.99) <= limit)
            #expect(outcome(planner, plan, rate: plan.capacity * 1.15, seed: seed).latencyOfAll(0.99) > limit)
        }
    }

    @Test("at twice the capacity no less is answered, and by the deadline", arguments: [20, 50, 200])
    func overload(milliseconds: Int) throws {
        let planner = planner(milliseconds)
        let plan = try #require(planner.plan())
        let outcome = outcome(planner, plan, rate: plan.capacity * 2, seed: 5)
        #expect(outcome.latency(0.99) <= plan.deadline.seconds)
        #expect(outcome.answersPerSecond > plan.capacity * 0.9)
    }

    @Test(
        "a server that turns out to be slower than its parts makes the simulation as slow, and the capacity smaller",
        arguments: [1, 1.4, 2])
    func follow(slowdown: Double) throws {
        var (planner, real) = (planner(60), planner(60))
        let plan = try #require(planner.plan())
        real.costs.slowdown = slowdown
        let rate = 0.5 * plan.capacity
        let seen = outcome(real, plan, rate: rate, seed: 7)
        var served = MeasuredCosts.Served()
        served.refused = seen.refused
        served.answers = seen.latencies.enumerated().map { index, latency in
            let cost = planner.costs
            return .init(
                images: 1, run: cost.runs[0] + cost.delays[index % cost.delays.count], decode: cost.decodes[index % cost.decodes.count],
                transit: 0, latency: latency)
        }
        planner.follow(served, of: plan, rate: rate)
        #expect(abs(planner.costs.slowdown / slowdown - 1) < 0.03, "\(planner.costs.slowdown)")
        let (found, expected) = (try #require(planner.plan()).capacity, try #require(real.plan()).capacity)
        #expect(abs(found / expected - 1) < 0.05)
    }

    @Test("more time is worth larger batches and more requests")
    func time() throws {
        let plans = try [15, 40, 100].map { try #require(planner($0).plan()) }
        for (short, long) in zip(plans, plans.dropFirst()) { #expect(short.capacity < long.capacity && short.queue <= long.queue) }
        #expect(plans[0].largestBatch < plans[2].largestBatch)
    }

    @Test("where a batch gains nothing there is none")
    func noGain() throws {
        #expect(try #require(planner(100, alone: 0.008, more: 0.008, threads: 1).plan()).largestBatch == 1)
    }

    @Test("there are none where an image alone takes longer")
    func unreachable() {
        #expect(planner(5).plan() == nil)
    }

    @Test("a rate needs as many instances as it has capacities")
    func replicas() throws {
        var plan = try #require(planner(50).plan())
        plan.capacity = 100
        #expect([1.0, 100, 101, 450].map(plan.replicas) == [1, 1, 2, 5])
    }

    @Test("the deadline is the limit with the margin that admission reckons with")
    func deadline() throws {
        #expect(try #require(planner(50).plan()).deadline == .milliseconds(70))
    }
}
