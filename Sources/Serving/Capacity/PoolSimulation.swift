import DequeModule
import Glibc

/// The pool on a made-up clock: what becomes of requests for one image each that come at random (a Poisson process), given what images take.
///
/// Who is accepted and when a batch is run is decided by what decides it in the pool: `Admission`, `BatchPolicy` and `ModelCost`. Nothing is
/// measured and nothing waits, so the same seed gives the same result on every machine.
struct PoolSimulation {
    let costs: MeasuredCosts
    /// Of every request, from its arrival; nil for none.
    let deadline: Duration?
    private let options: EnginePool.Options
    private let policy: BatchPolicy
    private let admission: Admission
    /// Of an image, as the pool would estimate it.
    private let usualDecode: Duration

    /// - Precondition: the largest batch is one that was measured.
    init(_ options: EnginePool.Options, costs: MeasuredCosts, deadline: Duration? = nil) {
        precondition(options.largestBatch <= costs.runs.count, "a batch that was not measured")
        self.costs = costs
        self.deadline = deadline
        self.options = options
        policy = BatchPolicy(options)
        admission = Admission(options)
        usualDecode = .seconds(costs.slowdown * costs.decodes.reduce(0, +) / Double(costs.decodes.count))
    }

    /// What became of the requests.
    struct Outcome: Equatable {
        /// Of those that were answered, in seconds, ascending.
        var latencies: [Double] = []
        /// Refused at once, or dropped when their deadline had passed.
        var refused = 0
        var batches = 0
        /// From the first arrival to the last answer.
        var seconds = 0.0

        /// Below which that share of the answers came.
        func latency(_ share: Double) -> Double { value(share, of: latencies.count) }

        /// The same over all requests: one that was refused never was answered.
        func latencyOfAll(_ share: Double) -> Double { value(share, of: latencies.count + refused) }

        /// On average over all requests, where none counts for more than the limit, and one that was refused for that.
        func meanLatency(limit: Double) -> Double {
            let sum = latencies.reduce(0) { $0 + min(limit, $1) } + limit * Double(refused)
            return sum / Double(max(1, latencies.count + refused))
        }

        var answersPerSecond: Double { seconds > 0 ? Double(latencies.count) / seconds : 0 }
        var imagesPerBatch: Double { batches > 0 ? Double(latencies.count) / Double(batches) : 0 }

        private func value(_ share: Double, of count: Int) -> Double {
            let rank = Int((share * Double(count)).rounded(.up)) - 1
            return latencies.indices.contains(rank) ? latencies[rank] : .infinity
        }
    }

    /// - Parameters:
    ///   - rate: requests a second, on average.
    ///   - requests: how many, in all.
    func run(rate: Double, requests: Int, seed: UInt64 = 1) -> Outcome {
        var run = Run(self, rate: rate, requests: requests, seed: seed)
        run.finish()
        return run.outcome
    }
}

extension PoolSimulation {
    private struct Job {
        var arrived: ContinuousClock.Instant
        var deadline: ContinuousClock.Instant?
        /// Decoded for a batch that went without it.
        var isDecoded = false

        func isLate(at now: ContinuousClock.Instant) -> Bool { deadline.map { $0 < now } ?? false }
    }

    private struct Decoder {
        var job: Job
        var end: ContinuousClock.Instant
        var isStraggler = false
    }

    /// As `LaneState` has it.
    private struct Lane {
        enum Phase {
            case idle
            case filling(BatchPolicy.Batch)
            case running(until: ContinuousClock.Instant, began: ContinuousClock.Instant)
        }

        var phase = Phase.idle
        /// Of the batch that is filled or run.
        var jobs: [Job] = []
        /// Those at work.
        var decoders: [Decoder] = []
        /// When the batch is to be looked at again.
        var look: ContinuousClock.Instant?

        var stragglers: Int { decoders.count(where: \.isStraggler) }
        var isIdle: Bool { if case .idle = phase { true } else { false } }

        var next: ContinuousClock.Instant? {
            let decoded = decoders.map(\.end).min()
            let other: ContinuousClock.Instant? = if case .running(let end, _) = phase { end } else { look }
            return [decoded, other].compactMap(\.self).min()
        }
    }

    private struct Run {
        let simulation: PoolSimulation
        let rate: Double
        let began = ContinuousClock.now
        var now: ContinuousClock.Instant
        var random: SeededGenerator
        var arrivals: Int
        var arrival: ContinuousClock.Instant
        var waiting: Deque<Job> = []
        var lanes: [Lane]
        var cost = ModelCost()
        var outcome = Outcome()

        init(_ simulation: PoolSimulation, rate: Double, requests: Int, seed: UInt64) {
            self.simulation = simulation
            self.rate = rate
            (now, arrival, arrivals) = (began, began, requests)
            random = SeededGenerator(seed: seed)
            lanes = Array(repeating: Lane(), count: simulation.options.sessions)
            cost.begin(seconds: simulation.costs.slowdown * simulation.costs.runs[0])
        }

        mutating func finish() {
            while let next = ([arrivals > 0 ? arrival : nil] + lanes.map(\.next)).compactMap(\.self).min() {
                now = next
                for lane in lanes.indices { settle(lane) }
                if arrivals > 0, arrival <= now { arrive() }
                // Free lanes first, as the pool wakes them.
                for lane in lanes.indices.sorted(by: { lanes[$0].isIdle && !lanes[$1].isIdle }) { proceed(lane) }
            }
            outcome.seconds = (now - began).seconds
            outcome.latencies.sort()
        }

        // MARK: Requests

        private mutating func arrive() {
            let job = Job(arrived: now, deadline: simulation.deadline.map { now + $0 })
            arrivals -= 1
            arrival += .seconds(-log(1 - Double.random(in: 0..<1, using: &random)) / rate)
            let isIdle = waiting.isEmpty && lanes.allSatisfy(\.isIdle)
            let refusal = simulation.admission.refusal(
                images: 1, cost: cost.believed(at: now, isIdle: isIdle), waiting: waiting.count, backlog: backlog,
                decoding: simulation.usualDecode.seconds, remaining: simulation.deadline)
            if refusal == nil { waiting.append(job) } else { outcome.refused += 1 }
        }

        /// As `PoolState` reckons it.
        private var backlog: Double {
            let each = cost.believed(at: now, isIdle: false).each.value
            let decode = simulation.usualDecode.seconds / Double(simulation.options.threadsPerSession)
            var seconds = (each + decode) * Double(waiting.count)
            for lane in lanes {
                switch lane.phase {
                case .idle: break
                case .filling(let batch): seconds += each * Double(batch.count) + decode * Double(batch.decoding)
                case .running(let end, _): seconds += max(0, (end - now).seconds)
                }
            }
            return seconds
        }

        // MARK: Lanes

        /// What has ended by now.
        private mutating func settle(_ index: Int) {
            if case .running(let end, let began) = lanes[index].phase, end <= now {
                let jobs = lanes[index].jobs
                for job in jobs {
                    outcome.latencies.append((now - job.arrived).seconds + (simulation.costs.transit.randomElement(using: &random) ?? 0))
                }
                outcome.batches += 1
                cost.follow(images: jobs.count, seconds: (now - began).seconds, at: now)
                (lanes[index].phase, lanes[index].jobs) = (.idle, [])
            }
            for decoder in lanes[index].decoders where decoder.end <= now {
                if !decoder.isStraggler, case .filling(var batch) = lanes[index].phase {
                    batch.decoding -= 1
                    join(decoder.job, &batch, lane: index)
                } else {
                    var job = decoder.job
                    job.isDecoded = true
                    waiting.prepend(job)
                }
            }
            lanes[index].decoders.removeAll { $0.end <= now }
        }

        private mutating func join(_ job: Job, _ batch: inout BatchPolicy.Batch, lane index: Int) {
            batch.ready += 1
            batch.lastReady = now
            lanes[index].jobs.append(job)
            lanes[index].phase = .filling(batch)
        }

        /// Its decoders take what they may, and its team what is ready.
        private mutating func proceed(_ index: Int) {
            while let job = waiting.first, lanes[index].decoders.count - lanes[index].stragglers < simulation.options.threadsPerSession {
                var batch: BatchPolicy.Batch
                switch lanes[index].phase {
                case .running: return
                case .idle: batch = BatchPolicy.Batch(began: now, lastReady: now)
                case .filling(let begun): batch = begun
                }
                let decode = job.isDecoded ? .zero : simulation.usualDecode
                guard lanes[index].isIdle || simulation.policy.mayJoin(batch, decode: decode, cost: cost, at: now) else { break }
                waiting.removeFirst()
                guard !job.isLate(at: now) else {
                    outcome.refused += 1
                    continue
                }
                if let deadline = job.deadline { batch.deadline = batch.deadline.map { min($0, deadline) } ?? deadline }
                if job.isDecoded {
                    join(job, &batch, lane: index)
                } else {
                    batch.decoding += 1
                    lanes[index].phase = .filling(batch)
                    let seconds = simulation.costs.slowdown * (simulation.costs.decodes.randomElement(using: &random) ?? 0)
                    cost.follow(decoding: seconds / Double(simulation.options.threadsPerSession), at: now)
                    lanes[index].decoders.append(Decoder(job: job, end: now + .seconds(seconds)))
                }
            }
            release(index)
        }

        private mutating func release(_ index: Int) {
            guard case .filling(let batch) = lanes[index].phase else { return }
            let around = BatchPolicy.Surroundings(
                waiting: waiting.count, stragglers: lanes[index].stragglers, usualDecode: simulation.usualDecode,
                nextDecode: waiting.first.map { $0.isDecoded ? .zero : simulation.usualDecode } ?? .zero, cost: cost)
            switch simulation.policy.release(batch, around, at: now) {
            case .wait(let instant): lanes[index].look = instant
            case .done: start(index)
            }
        }

        private mutating func start(_ index: Int) {
            let late = lanes[index].jobs.count { $0.isLate(at: now) }
            outcome.refused += late
            lanes[index].jobs.removeAll { $0.isLate(at: now) }
            lanes[index].look = nil
            for decoder in lanes[index].decoders.indices { lanes[index].decoders[decoder].isStraggler = true }
            let images = lanes[index].jobs.count
            guard images > 0 else {
                lanes[index].phase = .idle
                return proceed(index)
            }
            let delay = simulation.costs.delays.randomElement(using: &random) ?? 0
            // However fast others were, half of what is usual is needed.
            let usual = simulation.costs.runs[images - 1]
            let seconds = simulation.costs.slowdown * max(usual / 2, usual + delay)
            lanes[index].phase = .running(until: now + .seconds(seconds), began: now)
        }
    }
}
