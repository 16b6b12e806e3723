import Testing

@testable import Serving

@Suite("When a batch is run")
struct GatheringTests {
    private let now = ContinuousClock.now
    private let model: Model

    init() throws { model = try TinyModel().load() }

    private func decision(
        decoded: Int, decoding: Int, age: Duration = .zero, sinceLast: Duration = .zero, maxDelay: Duration = .zero, stragglers: Int = 2,
        deadline: Duration? = nil, isCut: Bool = false
    ) -> String {
        let request = ClassificationRequest(images: [[UInt8]()], model: model, deadline: deadline.map { now + $0 })
        let job = Job(request: PendingRequest(request, model: 0) { _ in }, index: 0, submitted: now, image: nil, crop: nil)
        var gathering = Gathering(model: 0, began: now - age)
        gathering.decoded = Array(repeating: job, count: decoded)
        for decoder in 0..<max(1, decoding) { gathering.take(job, decoder) }
        if decoding == 0 { gathering.decoding = [] }
        gathering.isCut = isCut
        gathering.lastDecoded = now - sinceLast
        let patience = Gathering.Patience(
            maxDelay: maxDelay, run: .milliseconds(30), stragglerWait: .milliseconds(20), stragglers: stragglers)
        switch gathering.release(at: now, largestBatch: 4, patience: patience) {
        case .done(let release): return release.rawValue
        case .wait(until: nil): return "wait"
        case .wait(until: let end?): return "wait \((end - now) / .milliseconds(1)) ms"
        }
    }

    @Test("as soon as nothing more waits, or it is full")
    func workConserving() {
        #expect(decision(decoded: 0, decoding: 1, sinceLast: .seconds(9)) == "wait")
        #expect(decision(decoded: 1, decoding: 0) == "session_free")
        #expect(decision(decoded: 3, decoding: 0, age: .seconds(9)) == "session_free")
        #expect(decision(decoded: 4, decoding: 0) == "full")
    }

    @Test("after the longest delay, where there is one")
    func delay() {
        #expect(decision(decoded: 3, decoding: 0, age: .milliseconds(10), maxDelay: .milliseconds(50)) == "wait 40.0 ms")
        #expect(decision(decoded: 3, decoding: 0, age: .milliseconds(50), maxDelay: .milliseconds(50)) == "delay")
        #expect(decision(decoded: 4, decoding: 0, maxDelay: .milliseconds(50)) == "full")
    }

    @Test("in time for the earliest deadline of its images")
    func deadline() {
        let delay = Duration.milliseconds(50)
        #expect(decision(decoded: 3, decoding: 0, maxDelay: delay, deadline: .milliseconds(70)) == "wait 40.0 ms", "a run takes 30 ms")
        #expect(decision(decoded: 3, decoding: 0, maxDelay: delay, deadline: .milliseconds(90)) == "wait 50.0 ms")
        #expect(decision(decoded: 3, decoding: 0, maxDelay: delay, deadline: .milliseconds(30)) == "deadline")
        #expect(decision(decoded: 3, decoding: 0, deadline: .milliseconds(30)) == "session_free")
        #expect(decision(decoded: 3, decoding: 0, isCut: true) == "deadline")
        #expect(decision(decoded: 4, decoding: 0, isCut: true) == "full")
    }

    @Test("without stragglers, of which there may only be so many")
    func stragglers() {
        #expect(decision(decoded: 3, decoding: 1, sinceLast: .milliseconds(5)) == "wait 15.0 ms")
        #expect(decision(decoded: 3, decoding: 1, sinceLast: .milliseconds(20)) == "straggler")
        #expect(decision(decoded: 3, decoding: 1, sinceLast: .milliseconds(20), stragglers: 0) == "wait")
        #expect(decision(decoded: 1, decoding: 3, sinceLast: .milliseconds(20), stragglers: 2) == "wait")
    }
}
