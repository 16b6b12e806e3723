import CCURL
import DequeModule
import FoundationEssentials
import HTTPClient

/// Sends requests over so many connections at a time as are needed, up to a limit; where none is free, a request waits for one.
final class RequestSender {
    /// What became of a request, and the batches that its images were in.
    struct Reply {
        var outcome: LoadOutcome
        var batchSizes: [Int] = []
    }

    private struct Request {
        var index: Int
        var due: ContinuousClock.Instant
    }

    /// A transfer that is used for one request after another, with the answer so far.
    private final class Slot {
        let transfer: Transfer
        var answer: [UInt8] = []

        init(_ transfer: Transfer) { self.transfer = transfer }
    }

    private let plan: LoadPlan
    private let transfers: Transfers
    /// Is told of each request that has ended.
    private let ended: (_ index: Int, _ due: ContinuousClock.Instant, Reply) -> Void
    private var slots = 0
    private var idle: [Slot] = []
    private var waiting: Deque<Request> = []

    /// Shorter than common servers keep a silent connection (uvicorn: 5 s), so that none is closed just as it is used. In seconds, of
    /// which libcurl lets up to one more pass.
    private static let idleLimit = 3
    private static let answerLimit = 16 << 20

    init(_ plan: LoadPlan, _ transfers: Transfers, ended: @escaping (Int, ContinuousClock.Instant, Reply) -> Void) {
        self.plan = plan
        self.transfers = transfers
        self.ended = ended
    }

    /// When the request that has waited longest has waited too long.
    var deadline: ContinuousClock.Instant? { waiting.first.map { $0.due + plan.timeout } }

    /// Sends a request, or lets it wait.
    ///
    /// - Parameter due: when it should have been sent: the timeout counts from there.
    func send(_ index: Int, due: ContinuousClock.Instant) {
        waiting.append(Request(index: index, due: due))
        sendWaiting()
    }

    /// Gives up those that have waited too long for a connection.
    func expire(at now: ContinuousClock.Instant) {
        while let first = waiting.first, first.due + plan.timeout <= now {
            waiting.removeFirst()
            ended(first.index, first.due, Reply(outcome: .timeout))
        }
    }

    private func sendWaiting() {
        while !waiting.isEmpty, !idle.isEmpty || slots < plan.connections {
            let request = waiting.removeFirst()
            do {
                let slot = if let used = idle.popLast() { used } else { try makeSlot() }
                do {
                    try begin(request, on: slot)
                } catch {
                    idle.append(slot)
                    throw error
                }
            } catch {
                ended(request.index, request.due, Reply(outcome: LoadOutcome(error)))
            }
        }
    }

    private func makeSlot() throws -> Slot {
        let transfer = try Transfer(url: plan.target.url)
        try transfer.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        // What is measured is the server, not a proxy before it.
        try transfer.set(CURLOPT_PROXY, "")
        try transfer.set(CURLOPT_MAXAGE_CONN, Self.idleLimit)
        // `Expect: 100-continue` would delay large bodies.
        try transfer.setHeaders(
            plan.target.headers.filter { $0.name != "Host" }.map { "\($0.name): \($0.value)" }
                + ["Content-Type: \(plan.payload.contentType)", "Accept: */*", "Expect:"])
        let slot = Slot(transfer)
        transfer.onBody = { [unowned slot] bytes in
            guard slot.answer.count + bytes.count <= Self.answerLimit else { throw LoadError("an answer without end") }
            slot.answer += bytes
        }
        slots += 1
        return slot
    }

    private func begin(_ request: Request, on slot: Slot) throws {
        let left = plan.timeout - (.now - request.due)
        try slot.transfer.set(CURLOPT_TIMEOUT_MS, max(1, Int(left / .milliseconds(1))))
        try slot.transfer.setBody(plan.payload.bodies[request.index % plan.payload.bodies.count].bytes)
        slot.answer.removeAll(keepingCapacity: true)
        let begun = transfers.begin(slot.transfer) { [unowned self] code in
            let reply = Self.reply(slot, code)
            idle.append(slot)
            sendWaiting()
            ended(request.index, request.due, reply)
        }
        guard begun else { throw LoadError("libcurl takes no more transfers") }
    }

    private static func reply(_ slot: Slot, _ code: CURLcode) -> Reply {
        do {
            try slot.transfer.finish(code)
        } catch {
            return Reply(outcome: LoadOutcome(error))
        }
        let status = slot.transfer.status
        return Reply(outcome: .status(status), batchSizes: status == 200 ? batchSizes(slot.answer) : [])
    }

    /// Of an answer of `/classify`; empty where it says nothing of batches.
    static func batchSizes(_ answer: [UInt8]) -> [Int] {
        guard let body = try? JSONDecoder().decode(Answer.self, from: Data(answer)) else { return [] }
        return body.batchSize.map { [$0] } ?? body.results?.compactMap(\.batchSize) ?? []
    }

    /// The part of it that is of interest here.
    private struct Answer: Decodable {
        struct Entry: Decodable {
            var batchSize: Int?

            enum CodingKeys: String, CodingKey { case batchSize = "batch_size" }
        }

        var batchSize: Int?
        var results: [Entry]?

        enum CodingKeys: String, CodingKey {
            case batchSize = "batch_size"
            case results
        }
    }
}
