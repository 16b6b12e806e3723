import Foundation

/// What a run does.
struct LoadPlan {
    enum Arrival {
        /// Requests a second, whatever became of those before.
        case open(rate: Double)
        /// Clients that each send the next request when the last one is answered.
        case closed(clients: Int)
    }

    var target: LoadTarget
    var payload: LoadPayload
    var arrival: Arrival
    /// Seconds.
    var duration: Double
    var connections: Int
    var timeout: Duration
    var deadline: Duration?
    /// The share of requests whose connection is closed once they are sent.
    var leave = 0.0
    /// Connections that drip a byte a second.
    var slow = 0
}

/// Sends what a plan says, and records what becomes of it.
struct LoadRun {
    let plan: LoadPlan
    let recorder: LoadRecorder
    private let client: LoadClient
    private let leaving: EvenShare

    init(_ plan: LoadPlan) {
        self.plan = plan
        recorder = LoadRecorder(duration: .seconds(plan.duration), deadline: plan.deadline)
        client = LoadClient(target: plan.target, payload: plan.payload, connections: plan.connections, timeout: plan.timeout)
        leaving = EvenShare(share: plan.leave)
    }

    /// Runs to the end, or until its task is cancelled.
    func run() async throws -> LoadReport {
        let seconds = await withTaskGroup(of: Void.self, returning: Double.self) { group in
            group.addTask { await LoadProgress(recorder: recorder, duration: plan.duration).run() }
            for index in 0..<plan.slow {
                group.addTask { await SlowConnection(target: plan.target, drips: index % 2 == 0 ? .head : .body).run(recorder) }
            }
            let seconds =
                switch plan.arrival {
                case .open(let rate): await sendOpen(Arrivals(rate: rate, duration: plan.duration))
                case .closed(let clients): await sendClosed(clients)
                }
            group.cancelAll()
            return seconds
        }
        // The answers that came after that are in the record, those that were cut short are not.
        let report = LoadReport(recorder.snapshot, plan: plan, seconds: seconds)
        try await client.shutDown()
        return report
    }

    /// Each request at its time, in a task of its own. Ends when the last one is answered.
    ///
    /// - Returns: how long requests were sent.
    private func sendOpen(_ arrivals: Arrivals) async -> Double {
        await withDiscardingTaskGroup { group in
            for index in 0..<arrivals.count {
                let due = recorder.started + arrivals.offset(index)
                do { try await Task.sleep(until: due, tolerance: .zero) } catch { return elapsed }
                group.addTask { await send(index, due: due) }
            }
            // The last one's share of the time is over later.
            try? await Task.sleep(until: recorder.started + .seconds(plan.duration), tolerance: .zero)
            return elapsed
        }
    }

    private func sendClosed(_ clients: Int) async -> Double {
        await withDiscardingTaskGroup { group in
            for number in 0..<clients {
                group.addTask {
                    var index = number
                    repeat {
                        let outcome = await send(index, due: .now)
                        index += clients
                        // Failing takes no time: without a pause, nothing else would be done.
                        if let outcome, !outcome.isStatus { try? await Task.sleep(for: .milliseconds(100)) }
                    } while elapsed < plan.duration && !Task.isCancelled
                }
            }
        }
        return min(elapsed, plan.duration)
    }

    private var elapsed: Double { (ContinuousClock.now - recorder.started).seconds }

    /// - Returns: nil where this client left, or the run's end came first.
    @discardableResult
    private func send(_ index: Int, due: ContinuousClock.Instant) async -> LoadOutcome? {
        recorder.sent(due: due)
        if leaving.contains(index) {
            await leave(plan.target, plan.payload, index)
            recorder.left()
            return nil
        }
        guard let reply = await client.send(index, due: due) else {
            recorder.cutShort()
            return nil
        }
        recorder.finished(reply, due: due)
        return reply.outcome
    }
}
