import Threads

import struct Synchronization.Atomic

/// The connections that are open, and how many requests are unfinished on them.
final class Registry: Sendable {
    private struct Table {
        /// By socket: a number is not given again before its connection is removed.
        var connections: [Int32: Connection] = [:]
        var perClient: [String: Int] = [:]
        var accepted = 0
        var refused = 0
    }
    let bodyMemory: BodyMemory
    private let table = Mutex(Table())
    private let unfinished = Atomic<Int>(0)
    private let draining = Atomic<Bool>(false)
    private let stopping = Atomic<Bool>(false)

    init(bodyMemoryLimit: Int) { bodyMemory = BodyMemory(limit: bodyMemoryLimit) }

    /// Enters a new connection; where a limit forbids it, says what the client is told instead.
    func add(_ connection: Connection, limit: Int, perClient clientLimit: Int) -> Refusal? {
        table.withLock {
            let fromClient = $0.perClient[connection.client] ?? 0
            if $0.connections.count >= limit || (clientLimit > 0 && fromClient >= clientLimit) {
                $0.refused += 1
                return $0.connections.count >= limit ? .tooManyConnections : .tooManyConnectionsFromClient
            }
            $0.connections[connection.socket] = connection
            $0.perClient[connection.client] = fromClient + 1
            $0.accepted += 1
            return nil
        }
    }

    func remove(_ connection: Connection) {
        table.withLock {
            guard $0.connections.removeValue(forKey: connection.socket) != nil else { return }
            let left = ($0.perClient[connection.client] ?? 1) - 1
            $0.perClient[connection.client] = left > 0 ? left : nil
        }
    }

    func connection(socket: Int32) -> Connection? { table.withLock { $0.connections[socket] } }

    var connections: [Connection] { table.withLock { Array($0.connections.values) } }

    var statistics: ServerStatistics {
        table.withLock {
            ServerStatistics(
                openConnections: $0.connections.count, acceptedConnections: $0.accepted, refusedConnections: $0.refused,
                unfinishedRequests: unfinished.load(ordering: .sequentiallyConsistent), bodyBytes: bodyMemory.used)
        }
    }

    func requestStarted() { unfinished.add(1, ordering: .sequentiallyConsistent) }
    func requestFinished() { unfinished.subtract(1, ordering: .sequentiallyConsistent) }

    /// Whether no request is under way, nor waiting unread in an open connection.
    var isQuiet: Bool { unfinished.load(ordering: .sequentiallyConsistent) == 0 && !connections.contains(where: \.isBusy) }

    /// Set once no new connections are taken: those that are open close after their next answer.
    var isDraining: Bool {
        get { draining.load(ordering: .sequentiallyConsistent) }
        set { draining.store(newValue, ordering: .sequentiallyConsistent) }
    }

    /// Set once no request is to reach the handler any more.
    var isStopping: Bool {
        get { stopping.load(ordering: .sequentiallyConsistent) }
        set { stopping.store(newValue, ordering: .sequentiallyConsistent) }
    }
}

/// What the server counts by itself, for a metrics page.
public struct ServerStatistics: Sendable {
    /// Connections open now.
    public let openConnections: Int
    /// Connections taken since the start.
    public let acceptedConnections: Int
    /// Connections turned away at a limit since the start; no ``CompletedRequest`` tells of these.
    public let refusedConnections: Int
    /// Requests whose line has arrived and whose answer has not gone out.
    public let unfinishedRequests: Int
    /// Bytes of request bodies in memory.
    public let bodyBytes: Int
}
