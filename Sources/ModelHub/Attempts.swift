import AsyncHTTPClient
import Foundation
import NIOHTTP1

extension HubClient {
    /// Calls `attempt` until it succeeds or fails for good, with pauses that double, and at most `options.attempts` failures in a row.
    ///
    /// - Parameters:
    ///   - what: what is asked for, for messages.
    ///   - notice: is told of each failure that is tried again.
    /// - Throws: `HubError`, or `CancellationError`.
    func retrying<Result>(
        _ what: String, notice: (String) -> Void, _ attempt: () async throws -> Result
    ) async throws -> Result {
        var failures = 0
        while true {
            let failure: Transient
            do {
                return try await attempt()
            } catch let error as Transient {
                failure = error
            } catch let error where error is HubError || error is CancellationError {
                throw error
            } catch {
                failure = Transient(reason: Self.reason(error))
            }
            failures = failure.madeProgress ? 1 : failures + 1
            guard failures < options.attempts else {
                throw HubError.unreachable(
                    "\(what): \(failure.reason), \(failures) times in a row; the proxies are HTTPS_PROXY's, the hub is HF_ENDPOINT's")
            }
            let wait = min(.seconds(120), max(failure.wait ?? .zero, pause(after: failures)))
            let seconds = Double(wait.components.seconds) + Double(wait.components.attoseconds) * 1e-18
            notice("\(what): \(failure.reason); trying again in \(String(format: "%.1f", seconds)) s")
            try await Task.sleep(for: wait)
        }
    }

    /// With some chance in it, so that many clients of a hub that failed do not come back at the same time.
    private func pause(after failures: Int) -> Duration {
        min(.seconds(30), options.firstPause * (1 << min(failures - 1, 10))) * Double.random(in: 0.75...1)
    }

    private static func reason(_ error: any Error) -> String {
        switch error as? HTTPClientError {
        case .remoteConnectionClosed?: "the connection was cut"
        case .readTimeout?: "nothing arrived for too long"
        case .connectTimeout?: "no connection in time"
        case .proxyAuthenticationRequired?: "the proxy wants a user and a password"
        case .invalidProxyResponse?: "the proxy does not connect"
        case let other?: other.description
        case nil: "\(error)"
        }
    }

    /// Passes an answer that has the file, and throws for any other: `HubError` where asking again is of no use.
    func check(_ reply: Reply, _ what: String) throws {
        let (status, headers) = (reply.response.status.code, reply.response.headers)
        switch status {
        case 200, 206: return
        case 408, 425, 429, 500...599:
            let wait = headers.first(name: "Retry-After").flatMap { Int($0) }.map { Duration.seconds($0) }
            throw Transient(reason: status == 429 ? "the hub is asked too much (429)" : "the hub failed (\(status))", wait: wait)
        case 401:
            throw HubError.refused(
                options.token == nil
                    ? "\(what): there is no such model, or it is private or gated (401): give a token that may read it, in HF_TOKEN"
                    : "\(what): the token in HF_TOKEN may not read it, or there is no such model (401)")
        case 403:
            throw HubError.refused(
                "\(what): not for this user (403): accept the model's terms on its page, and give a token that may read it, in HF_TOKEN")
        case 404:
            let missing =
                switch headers.first(name: "X-Error-Code") {
                case "RepoNotFound"?: "there is no such model"
                case "RevisionNotFound"?: "the model has no such revision"
                case "EntryNotFound"?: "the model has no such file"
                default: "there is no such model, revision or file"
                }
            throw HubError.refused("\(what): \(missing) (404)")
        default: throw HubError.refused("\(what): the hub answers with status \(status)")
        }
    }
}
