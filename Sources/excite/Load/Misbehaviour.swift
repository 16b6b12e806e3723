import Foundation
import NIOCore
import NIOPosix

/// Sends a request on a connection of its own and closes it at once. What goes wrong is no concern of a client that leaves.
func leave(_ target: LoadTarget, _ payload: LoadPayload, _ index: Int) async {
    let body = payload.bodies[index % payload.bodies.count]
    var request = ByteBuffer(string: target.head(contentLength: body.readableBytes))
    request.writeImmutableBuffer(body)
    guard
        let channel = try? await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: target.host, port: target.port).get()
    else { return }
    // Written means given to the system.
    try? await channel.writeAndFlush(request).get()
    try? await channel.close().get()
}

/// A client that drips: a byte a second, again and again from the start when the server has had enough.
struct SlowConnection {
    enum Part {
        case head, body
    }

    var target: LoadTarget
    /// What comes drop by drop; what is before it is sent at once.
    var drips: Part
    var interval = Duration.seconds(1)

    /// Longer than any server waits.
    private static let bodyLength = 100_000

    /// Until the task is cancelled.
    func run(_ recorder: LoadRecorder) async {
        while !Task.isCancelled {
            recorder.slowOpened()
            let started = ContinuousClock.now
            let outcome = await connect()
            recorder.slowEnded(Task.isCancelled ? nil : outcome, after: .now - started)
            // A server that refuses at once is not to be flooded.
            try? await Task.sleep(for: interval)
        }
    }

    /// One connection's life, and the status that ended it.
    private func connect() async -> LoadOutcome {
        do {
            let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(host: target.host, port: target.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            return try await connection.executeThenClose { inbound, outbound in
                try await withThrowingTaskGroup(of: LoadOutcome?.self) { group in
                    group.addTask { await drip(into: outbound) }
                    group.addTask { try await Self.status(inbound) }
                    defer { group.cancelAll() }
                    // Dripping ends without an outcome: the server has closed, and what it said is to be read.
                    while let outcome = try await group.next() { if let outcome { return outcome } }
                    return .connectionClosed
                }
            }
        } catch {
            return LoadOutcome(error)
        }
    }

    private func drip(into outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>) async -> LoadOutcome? {
        let head = Array(target.head(contentLength: Self.bodyLength).utf8)
        do {
            if drips == .body { try await outbound.write(ByteBuffer(bytes: head)) }
            for byte in drips == .head ? head : Array(repeating: 0, count: Self.bodyLength) {
                try await outbound.write(ByteBuffer(bytes: [byte]))
                try await Task.sleep(for: interval)
            }
        } catch {}
        return nil
    }

    /// What the server says before it closes.
    private static func status(_ inbound: NIOAsyncChannelInboundStream<ByteBuffer>) async throws -> LoadOutcome {
        var answer = ""
        do {
            for try await piece in inbound { answer += String(buffer: piece) }
        } catch  where !answer.isEmpty {
            // It closed without reading the rest, after it had spoken.
        }
        return answer.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { .status($0) } ?? .connectionClosed
    }
}
