/// Sends what a plan says, and records what becomes of it.
public final class LoadRun: Sendable {
    public let plan: LoadPlan
    /// May be looked at while it runs.
    public let recorder: LoadRecorder
    private let interrupt: Interrupt

    /// - Throws: `LoadError` if the system has no more descriptors.
    public init(_ plan: LoadPlan) throws(LoadError) {
        self.plan = plan
        recorder = LoadRecorder(duration: .seconds(plan.duration), deadline: plan.deadline)
        interrupt = try Interrupt()
    }

    /// Ends the run early, with its requests cut short. From any thread.
    ///
    /// - Returns: whether it was not ending early already.
    @discardableResult
    public func stop() -> Bool { interrupt.ask() }

    /// Runs on this thread, to the end or until it is stopped.
    ///
    /// - Throws: `LoadError` if there is nobody for clients that misbehave, or the system refuses what is needed.
    public func run() throws(LoadError) -> LoadReport {
        let seconds =
            switch plan.arrival {
            case .open(let rate, let isRandom):
                try run(OpenSchedule(Arrivals(rate: rate, duration: plan.duration, isRandom: isRandom), started: recorder.started))
            case .closed(let clients):
                min(plan.duration, try run(ClosedSchedule(clients: clients, started: recorder.started, duration: plan.duration)))
            }
        return LoadReport(recorder.snapshot, plan: plan, seconds: seconds)
    }

    /// - Returns: how long requests were sent, in seconds.
    private func run(_ schedule: some Schedule) throws(LoadError) -> Double {
        let loop = try EventLoop(bell: interrupt.descriptor)
        let transfers = try Transfers(loop, connections: plan.connections)
        // Only what goes past libcurl needs an address.
        let address = plan.leave > 0 || plan.slow > 0 ? try plan.target.address(timeout: plan.timeout) : nil
        let slow = address.map { SlowConnections(plan.slow, plan.target, at: $0, on: loop, recorder) }
        let leaving = EvenShare(share: plan.leave)
        var schedule = schedule
        var (underWay, leavers) = (0, 0)
        let sender = RequestSender(plan, transfers) { [recorder] index, due, reply in
            recorder.finished(reply, due: due)
            underWay -= 1
            schedule.ended(index, reply.outcome, at: .now)
        }
        func left(_ index: Int) {
            recorder.left()
            leavers -= 1
            schedule.ended(index, nil, at: .now)
        }
        var sentUntil: ContinuousClock.Instant?
        while !interrupt.wasAsked {
            let now = ContinuousClock.now
            while let (index, due) = schedule.take(at: now) {
                recorder.sent(due: due)
                if let address, leaving.contains(index) {
                    leavers += 1
                    let body = plan.payload.bodies[index % plan.payload.bodies.count]
                    if !LeavingClient.start(plan.target, at: address, body, on: loop, left: { left(index) }) { left(index) }
                } else {
                    underWay += 1
                    sender.send(index, due: due)
                }
            }
            transfers.callOnDeadline()
            sender.expire(at: now)
            slow?.drip(at: now)
            if schedule.isOver(at: now) {
                sentUntil = sentUntil ?? now
                if underWay + leavers == 0 { break }
            }
            let deadlines = [sentUntil == nil ? schedule.next : nil, transfers.deadline, sender.deadline, slow?.deadline]
            loop.wait(until: deadlines.compactMap(\.self).min() ?? now + .seconds(1))
        }
        slow?.stop()
        for _ in 0..<underWay { recorder.cutShort() }
        for _ in 0..<leavers { recorder.left() }
        return ((sentUntil ?? .now) - recorder.started).seconds
    }
}

extension Duration {
    var seconds: Double { self / .seconds(1) }
}
