import DequeModule
import Imaging

/// Images that take long to decode or hold much memory meanwhile, until they are decoded: they have a queue and decoders of their own.
///
/// Clients take turns, those of low priority after the others but for one turn of some, and an image waits until there is room for it in memory; no other goes before it, or a large one would wait for ever.
struct HeavyImages {
    private struct Client {
        /// Decoding, as estimated, that is accepted and not done.
        var inHand = Duration.zero
        var images = 0
        var lastTurn = 0
    }

    private let decoders: Int
    /// The most bytes that its decoders may hold together.
    private let memoryLimit: Int
    private var queue: Deque<WaitingJob> = []
    private var clients: [String: Client] = [:]
    private var turns = 0
    /// Bytes that its decoders hold, as estimated.
    private(set) var memory = 0
    /// Decoding, as estimated, that is accepted and not done.
    private(set) var inHand = Duration.zero

    init(_ options: EnginePool.Options) {
        decoders = options.heavyDecoders
        memoryLimit = options.heavyMemory
    }

    var waiting: Int { queue.count }

    /// The same of one client.
    func inHand(of client: String) -> Duration { clients[client]?.inHand ?? .zero }

    /// Seconds until its decoders together are done with that much work, as far as it is estimated.
    func clearance(_ work: Duration) -> Double { work.seconds / Double(decoders) }

    mutating func append(_ job: WaitingJob) {
        let duration = job.decoding?.duration ?? .zero
        inHand += duration
        clients[job.request.client, default: Client()].inHand += duration
        clients[job.request.client]?.images += 1
        queue.append(job)
    }

    /// The first image of the client whose last turn is longest ago, low priority last; nil if there is none, or no room for it.
    mutating func take() -> WaitingJob? {
        func lastTurn(_ index: Int) -> Int { clients[queue[index].request.client]?.lastTurn ?? 0 }
        let yields = (turns + 1) % Priority.share > 0
        func rank(_ index: Int) -> (Int, Int) { (yields && queue[index].request.priority == .low ? 1 : 0, lastTurn(index)) }
        guard let next = queue.indices.min(by: { rank($0) < rank($1) }) else { return nil }
        let needed = queue[next].decoding?.memory ?? 0
        guard memory + needed <= memoryLimit else { return nil }
        memory += needed
        turns += 1
        clients[queue[next].request.client]?.lastTurn = turns
        return queue.remove(at: next)
    }

    /// A decoder is done with an image that it took.
    mutating func finish(_ job: WaitingJob) {
        guard var client = clients[job.request.client], let cost = job.decoding else { return }
        memory -= cost.memory
        inHand -= cost.duration
        client.inHand -= cost.duration
        client.images -= 1
        clients[job.request.client] = client.images > 0 ? client : nil
    }
}
