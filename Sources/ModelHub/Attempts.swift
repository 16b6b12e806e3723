import Glibc

extension HubClient {
    /// Calls `attempt` until it succeeds or fails for good, with pauses that double: at most `options.attempts` failures in a row that
    /// brought nothing, and `options.attemptsInAll` of any kind.
    ///
    /// - Parameters:
    ///   - what: what is asked for, for messages.
    ///   - notice: is told of each failure that is tried again.
    /// - Throws: `HubError`, or whatever `attempt` throws that is not `Transient`.
    func retrying<Result>(_ what: String, notice: (String) -> Void, _ attempt: () throws -> Result) throws -> Result {
        var (failures, failuresInAll) = (0, 0)
        while true {
            do {
                return try attempt()
            } catch let failure as Transient {
                failures = failure.madeProgress ? 1 : failures + 1
                failuresInAll += 1
                guard failures < options.attempts, failuresInAll < options.attemptsInAll else {
                    let times = failures < options.attempts ? "\(failuresInAll) times" : "\(failures) times in a row"
                    throw HubError.unreachable(
                        "\(what): \(failure.reason), \(times); the proxies are the environment's, the hub is HF_ENDPOINT's")
                }
                let wait = min(.seconds(120), max(failure.wait ?? .zero, pause(after: failures)))
                let tenths = Int((wait / .milliseconds(100)).rounded())
                notice("\(what): \(failure.reason); trying again in \(tenths / 10).\(tenths % 10) s")
                sleep(for: wait)
            }
        }
    }

    /// With some chance in it, so that many clients of a hub that failed do not come back at the same time.
    private func pause(after failures: Int) -> Duration {
        min(.seconds(30), options.firstPause * (1 << min(failures - 1, 10))) * Double.random(in: 0.75...1)
    }

    private func sleep(for duration: Duration) {
        let (seconds, attoseconds) = duration.components
        var rest = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        var left = timespec()
        while nanosleep(&rest, &left) != 0, errno == EINTR { rest = left }
    }

    /// Passes an answer that has the file, and throws for any other: `HubError` where asking again is of no use.
    func check(_ reply: Reply, _ what: String) throws {
        switch reply.status {
        case 200, 206: return
        case 408, 425, 429, 500...599:
            let wait = reply.headers["retry-after"].flatMap { Int($0) }.map { Duration.seconds(min(3600, max(0, $0))) }
            throw Transient(
                reason: reply.status == 429 ? "the hub is asked too much (429)" : "the hub failed (\(reply.status))", wait: wait)
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
                switch reply.headers["x-error-code"] {
                case "RepoNotFound"?: "there is no such model"
                case "RevisionNotFound"?: "the model has no such revision"
                case "EntryNotFound"?: "the model has no such file"
                default: "there is no such model, revision or file"
                }
            throw HubError.refused("\(what): \(missing) (404)")
        case 301, 302, 303, 307, 308: throw HubError.refused("\(what): redirected, but not to an address (\(reply.status))")
        default: throw HubError.refused("\(what): the hub answers with status \(reply.status)")
        }
    }
}
