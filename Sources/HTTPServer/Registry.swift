import Threads

import struct Synchronization.Atomic

/// The connections that are open, and how many requests are unfinished on them.
final class Registry: Sendable {
    private struct Table {
        /// By socket: a number is not given again before its connection is removed.
        var connections: [Int32: Connection] = [:]
        var perClient: [ClientKey: Int] = [:]
        /// The connections in the reserve, the oldest first.
        var reserve: [Connection] = []
        /// Connections within the limits: all but those that are or were in the reserve.
        var ordinary = 0
        var accepted = 0
        var refusals: [String: Int] = [:]
        var starvedAccepts = 0
    }
    let bodyMemory: BodyMemory
    private let table = Mutex(Table())
    private let unfinished = Atomic<Int>(0)
    private let draining = Atomic<Bool>(false)
    private let stopping = Atomic<Bool>(false)

    init(bodyMemory: BodyMemory) { self.bodyMemory = bodyMemory }

    /// Why a new connection of this client is to go into the reserve; nil where it is within the limits.
    func refusal(for client: String, _ configuration: ServerConfiguration) -> Refusal? {
        table.withLock {
            if $0.ordinary >= configuration.connectionLimit { return .tooManyConnections }
            guard let limit = configuration.connectionShare, !configuration.isTrusted(client) else { return nil }
            return $0.perClient[ClientKey(client), default: 0] >= limit ? .tooManyConnectionsFromClient : nil
        }
    }

    /// Enters a new connection; false where it is one for the reserve, and that is full of probes being answered. One thread only.
    func add(_ connection: Connection, reserve size: Int) -> Bool {
        if connection.reserve != nil {
            let others = table.withLock { $0.reserve }
            if others.count >= size {
                guard let gone = others.first(where: { $0.giveWay() }) else { return false }
                table.withLock { $0.reserve.removeAll { $0 === gone } }
            }
        }
        table.withLock {
            if connection.reserve != nil {
                $0.reserve.append(connection)
            } else {
                $0.ordinary += 1
                $0.perClient[ClientKey(connection.client), default: 0] += 1
            }
            $0.connections[connection.socket] = connection
            $0.accepted += 1
        }
        return true
    }

    /// The daemon has taken a connection up: from here on it reads, and tells the end. One that it is stopped before has no receiver, whose
    /// socket's number would be another's by then.
    func start(socket: Int32) -> Connection? {
        let connection = connection(socket: socket)
        if let connection { receivers.withLock { $0[socket] = connection } }
        return connection
    }

    func remove(_ connection: Connection) {
        table.withLock {
            guard $0.connections.removeValue(forKey: connection.socket) != nil else { return }
            if connection.reserve != nil {
                $0.reserve.removeAll { $0 === connection }
            } else {
                $0.ordinary -= 1
                let key = ClientKey(connection.client)
                let left = ($0.perClient[key] ?? 1) - 1
                $0.perClient[key] = left > 0 ? left : nil
            }
        }
        // A daemon that could not take the connection has closed its socket, whose number may be another's by now.
        receivers.withLock { if $0[connection.socket] === connection { $0[connection.socket] = nil } }
    }

    /// Counts a refusal by its code.
    func count(_ refusal: Refusal) { table.withLock { $0.refusals[refusal.code, default: 0] += 1 } }

    /// Counts that the process had no descriptor or memory left for a connection.
    func countStarvedAccept() { table.withLock { $0.starvedAccepts += 1 } }

    func connection(socket: Int32) -> Connection? { table.withLock { $0.connections[socket] } }

    var connections: [Connection] { table.withLock { Array($0.connections.values) } }

    var statistics: ServerStatistics {
        table.withLock {
            ServerStatistics(
                openConnections: $0.connections.count, acceptedConnections: $0.accepted,
                refusedConnections: $0.refusals[Refusal.tooManyConnections.code, default: 0], refusals: $0.refusals,
                starvedAccepts: $0.starvedAccepts,
                unfinishedRequests: unfinished.load(ordering: .sequentiallyConsistent), bodyBytes: bodyMemory.used)
        }
    }

    func requestsStarted(_ count: Int) { unfinished.add(count, ordering: .sequentiallyConsistent) }
    func requestFinished() { unfinished.subtract(1, ordering: .sequentiallyConsistent) }

    /// Whether no request is under way, nor waiting unread in an open connection.
    var isQuiet: Bool { !connections.contains(where: \.isBusy) }

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
    /// Connections turned away at a limit since the start.
    public let refusedConnections: Int
    /// What the server refused by itself since the start, by ``Refusal/code``.
    public let refusals: [String: Int]
    /// How often since the start the process had no descriptor or memory left to take a connection.
    public let starvedAccepts: Int
    /// Requests whose first byte has arrived and whose answer has not gone out.
    public let unfinishedRequests: Int
    /// Bytes of request bodies in memory.
    public let bodyBytes: Int
}
