import Threads

/// Counts the bytes of all request bodies that are in memory, and bounds them: together, and for each client.
public final class BodyMemory: Sendable {
    private struct Use {
        var total = 0
        var perClient: [ClientKey: Int] = [:]
    }
    private let limit: Int
    private let clientLimit: Int?
    private let trusted: [AddressRange]
    private let use = Mutex(Use())

    init(_ configuration: ServerConfiguration) {
        limit = configuration.bodyMemoryLimit
        clientLimit = configuration.bodyMemoryShare
        trusted = configuration.trustedClients
    }

    /// Bytes in memory now.
    var used: Int { use.withLock { $0.total } }

    /// A body's share, empty at first. What a client only announces is not counted, or announcing alone would shut others out.
    /// - Throws: where a body of the announced size has no room.
    func share(expecting count: Int, of client: String) throws(Refusal) -> Share {
        let limit = trusted.contains { $0.contains(client) } ? nil : clientLimit
        let share = Share(self, ClientKey(client), limit)
        if let refusal = use.withLock({ share.obstacle(to: count, $0.total, $0.perClient[share.client] ?? 0) }) { throw refusal }
        return share
    }

    /// What one body takes, from its first byte until nobody holds it any more.
    public final class Share: Sendable {
        fileprivate let client: ClientKey
        private let memory: BodyMemory
        private let clientLimit: Int?
        private let bytes = Mutex(0)

        fileprivate init(_ memory: BodyMemory, _ client: ClientKey, _ clientLimit: Int?) {
            self.memory = memory
            self.client = client
            self.clientLimit = clientLimit
        }

        fileprivate func obstacle(to count: Int, _ total: Int, _ ofClient: Int) -> Refusal? {
            if total > memory.limit - count { return .tooManyBytes }
            if let clientLimit, ofClient > clientLimit - count { return .tooManyBytesFromClient }
            return nil
        }

        /// - Throws: where there is no room for that many more.
        func grow(by count: Int) throws(Refusal) {
            let refusal: Refusal? = memory.use.withLock {
                if let refusal = obstacle(to: count, $0.total, $0.perClient[client] ?? 0) { return refusal }
                $0.total += count
                $0.perClient[client, default: 0] += count
                return nil
            }
            if let refusal { throw refusal }
            bytes.withLock { $0 += count }
        }

        deinit {
            let bytes = bytes.withLock { $0 }
            memory.use.withLock {
                $0.total -= bytes
                let left = ($0.perClient[client] ?? bytes) - bytes
                $0.perClient[client] = left > 0 ? left : nil
            }
        }
    }
}
