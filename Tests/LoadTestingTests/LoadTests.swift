import FoundationEssentials
import Testing

@testable import LoadTesting

@Suite("excite load: what is sent when, and what is made of the answers")
struct LoadTests {
    @Test("requests are due at a constant rate")
    func arrivals() {
        let arrivals = Arrivals(rate: 40, duration: 2.5)
        #expect(arrivals.count == 100)
        #expect(arrivals.offset(0) == .zero)
        #expect(arrivals.offset(10) == .milliseconds(250))
        #expect(Arrivals(rate: 0.1, duration: 1).count == 1, "at least one")
    }

    @Test("at random they come as often, independently, and the same in every run")
    func randomArrivals() {
        func offsets() -> [Double] {
            let started = ContinuousClock.now
            var schedule = OpenSchedule(Arrivals(rate: 100, duration: 200, isRandom: true), started: started)
            var offsets: [Double] = []
            while let due = schedule.take(at: started + .seconds(3600))?.due { offsets.append((due - started).seconds) }
            return offsets
        }
        let (first, second) = (offsets(), offsets())
        #expect(zip(first, second).allSatisfy { abs($0 - $1) < 1e-6 } && first.count == 20_000)
        #expect(first[0] == 0 && abs((first.last ?? 0) / 200 - 1) < 0.03)
        // Exponential: of the gaps, a share of exp(−1) is longer than their mean.
        let gaps = zip(first, first.dropFirst()).map { $1 - $0 }
        #expect(abs(Double(gaps.count { $0 > 0.01 }) / Double(gaps.count) - 0.3679) < 0.015)
    }

    @Test("an open schedule has each request at its time, and is over when the last one's share of the time is")
    func openSchedule() {
        let started = ContinuousClock.now
        var schedule = OpenSchedule(Arrivals(rate: 100, duration: 0.03), started: started)
        #expect(schedule.take(at: started)?.index == 0)
        #expect(schedule.take(at: started) == nil)
        #expect(schedule.next == started + .milliseconds(10))
        let late = started + .milliseconds(25)
        for index in [1, 2] {
            let request = schedule.take(at: late)
            #expect(request?.index == index)
            #expect(request?.due == started + .milliseconds(10 * index), "due when it was due, however late it is taken")
        }
        #expect(schedule.take(at: late) == nil)
        #expect(!schedule.isOver(at: late))
        #expect(schedule.next == started + .milliseconds(30))
        #expect(schedule.isOver(at: started + .milliseconds(30)))
    }

    @Test("a client in a loop sends again when its answer is there, after a pause where there was none, and nothing once the time is over")
    func closedSchedule() {
        let started = ContinuousClock.now
        var schedule = ClosedSchedule(clients: 3, started: started, duration: 1)
        #expect((0..<3).map { _ in schedule.take(at: started)?.index } == [0, 1, 2])
        #expect(schedule.take(at: started) == nil)
        schedule.ended(0, .timeout, at: started)
        schedule.ended(1, .status(429), at: started)
        schedule.ended(2, nil, at: started)
        #expect((0..<3).map { _ in schedule.take(at: started)?.index } == [4, 5, nil])
        #expect(schedule.next == started + .milliseconds(100))
        #expect(schedule.take(at: started + .milliseconds(100))?.index == 3)
        schedule.ended(4, .answered, at: started)
        #expect(schedule.take(at: started + .seconds(1)) == nil)
        #expect(schedule.isOver(at: started + .seconds(1)))
    }

    @Test("a share is spread evenly", arguments: [(0.0, []), (0.3, [3, 6, 9]), (0.5, [1, 3, 5, 7, 9]), (1.0, Array(0..<10))])
    func share(share: Double, expected: [Int]) {
        #expect((0..<10).filter(EvenShare(share: share).contains) == expected)
    }

    @Test(
        "a URL without a path asks /classify",
        arguments: [
            ("http://localhost:8080", "http://localhost:8080/classify?top=3", "/classify?top=3", 8080),
            ("http://localhost/", "http://localhost/classify?top=3", "/classify?top=3", 80),
            ("https://a.example/v1/labels?x=1#y", "https://a.example/v1/labels?x=1&top=3", "/v1/labels?x=1&top=3", 443),
        ])
    func target(text: String, url: String, path: String, port: Int) throws {
        let target = try LoadTarget(text, query: [("top", "3")], headers: [("X-Deadline-Ms", "50")])
        #expect(target.url == url)
        #expect(target.port == port)
        #expect(target.head(contentLength: 7).hasPrefix("POST \(path) HTTP/1.1\r\nHost: "))
        #expect(target.head(contentLength: 7).hasSuffix("\r\nX-Deadline-Ms: 50\r\nContent-Length: 7\r\n\r\n"))
    }

    @Test("what is no URL is refused", arguments: ["localhost:8080", "8080", "ftp://localhost", "http://", ""])
    func badTarget(text: String) {
        #expect(throws: LoadError.self) { try LoadTarget(text, query: [], headers: []) }
    }

    @Test("a folder's files are sent by name, hidden ones and folders left out")
    func payload() throws {
        let folder = try TemporaryFolder()
        for (name, text) in [("b", "two"), ("a", "one"), (".hidden", "no")] { try folder.write(text, to: name) }
        try FileManager.default.createDirectory(at: folder.url.appending(path: "c"), withIntermediateDirectories: false)
        let payload = try LoadPayload(folders: [folder.url.path], form: nil)
        #expect(payload.bodies.map { String(decoding: $0.bytes, as: UTF8.self) } == ["one", "two"])
        let form = try LoadPayload(folders: [folder.url.path, folder.url.path], form: "image")
        #expect(form.bodies.count == 4)
        #expect(String(decoding: form.bodies[0].bytes, as: UTF8.self).contains("name=\"image\"; filename=\"a\""))
        #expect(form.contentType.hasPrefix("multipart/form-data; boundary="))
        #expect(throws: LoadError.self) { try LoadPayload(folders: [folder.url.appending(path: "c").path], form: nil) }
        #expect(throws: LoadError.self) { try LoadPayload(folders: ["/nowhere"], form: nil) }
    }

    @Test("batch sizes are read from one image's answer and from several images'")
    func batchSizes() {
        func sizes(_ text: String) -> [Int] { RequestSender.batchSizes(Array(text.utf8)) }
        #expect(sizes(#"{"model": "m", "batch_size": 4}"#) == [4])
        #expect(sizes(#"{"results": [{"batch_size": 2}, {"error": {}}, {"batch_size": 3}]}"#) == [2, 3])
        #expect(sizes("tabby") == [])
    }

    @Test("a recorder tells answers in time from late ones and from those after the run")
    func recorder() {
        let recorder = LoadRecorder(duration: .seconds(3600), deadline: .seconds(1))
        let now = ContinuousClock.now
        // Two seconds ago: its answer is late. In an hour: in time, on the slowest machine.
        for due in [now - .seconds(2), now + .seconds(3600)] {
            recorder.sent(due: due)
            recorder.finished(.init(outcome: .answered, batchSizes: [3]), due: due)
        }
        for outcome in [LoadOutcome.status(429), .timeout] {
            recorder.sent(due: now)
            recorder.finished(.init(outcome: outcome), due: now)
        }
        recorder.sent(due: now)
        recorder.left()
        recorder.sent(due: now)
        recorder.cutShort()
        recorder.sent(due: now)
        let record = recorder.snapshot
        #expect(record.sent == 7)
        #expect(record.inFlight == 1)
        #expect(record.left == 1)
        #expect(record.unfinished == 1)
        #expect(record.answered == 2)
        #expect(record.late == 1)
        #expect(record.answeredInTime == 1)
        #expect(record.batchSizes == [3: 2])
        #expect(record.outcomes.mapValues { $0.totalCount } == [.answered: 2, .status(429): 1, .timeout: 1])
        #expect(record.outcomes[.answered].map { $0.max >= 1_990_000 } == true, "microseconds since it was due")
    }
}
