import AsyncHTTPClient
import Foundation
import NIOCore

/// Sends requests over connections that are kept and shared: as many as are needed at a time, up to a limit.
struct LoadClient {
    /// What became of a request, and the batches that its images were in.
    struct Reply {
        var outcome: LoadOutcome
        var batchSizes: [Int] = []
    }

    private let http: HTTPClient
    private let target: LoadTarget
    private let payload: LoadPayload
    private let timeout: Duration

    /// Shorter than common servers keep a silent connection (uvicorn: 5 s), so that none is closed just as it is used.
    private static let idle = TimeAmount.seconds(4)

    /// The part of `/classify`'s answer that is of interest here.
    private struct Body: Decodable {
        struct Entry: Decodable {
            var batchSize: Int?
        }
        var batchSize: Int?
        var results: [Entry]?
    }

    /// - Parameter timeout: from when a request is due to the end of its answer.
    init(target: LoadTarget, payload: LoadPayload, connections: Int, timeout: Duration) {
        self.target = target
        self.payload = payload
        self.timeout = timeout
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        configuration.connectionPool.idleTimeout = Self.idle
        // A refused connection is a result here.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        // The first counts the wait for a free connection too.
        configuration.timeout.connect = TimeAmount(timeout)
        configuration.timeout.read = TimeAmount(timeout)
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func shutDown() async throws { try await http.shutdown() }

    /// Sends the request of that index; where no connection is free, it waits for one.
    ///
    /// - Parameter due: when it should have been sent: the timeout counts from there.
    /// - Returns: nil if the task was cancelled before the answer was there.
    func send(_ index: Int, due: ContinuousClock.Instant) async -> Reply? {
        var request = HTTPClientRequest(url: target.url)
        request.method = .POST
        for (name, value) in target.headers where name != "Host" { request.headers.add(name: name, value: value) }
        request.headers.add(name: "Content-Type", value: payload.contentType)
        request.body = .bytes(payload.bodies[index % payload.bodies.count])
        do {
            let response = try await http.execute(request, timeout: TimeAmount(timeout - (.now - due)))
            let body = try await response.body.collect(upTo: 16 << 20)
            let status = Int(response.status.code)
            return Reply(outcome: .status(status), batchSizes: status == 200 ? Self.batchSizes(body) : [])
        } catch {
            return Task.isCancelled ? nil : Reply(outcome: LoadOutcome(error))
        }
    }

    /// Empty where the answer says nothing of batches.
    static func batchSizes(_ body: ByteBuffer) -> [Int] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let answer = try? decoder.decode(Body.self, from: Data(body.readableBytesView)) else { return [] }
        return answer.batchSize.map { [$0] } ?? answer.results?.compactMap(\.batchSize) ?? []
    }
}

extension TimeAmount {
    /// At least a nanosecond.
    init(_ duration: Duration) { self = .nanoseconds(max(1, Int64(duration.seconds * 1e9))) }
}
