import HTTPServer
import Threads

/// Who may ask: a file with a line a key, and what each of them has used of its limits.
package final class APIKeys: Sendable {
    fileprivate struct State {
        /// By their digests.
        var keys: [[UInt8]: APIKey]
        /// By name, so that it outlives a reload.
        var used: [String: Usage] = [:]
    }

    /// Of one key.
    fileprivate struct Usage {
        var inFlight = 0
        /// Requests that may come at once; grows by `rate` a second, to a second's or to one.
        var tokens: Double
        var at: ContinuousClock.Instant
    }

    private let path: String
    private let state: Mutex<State>

    /// - Throws: ``APIKeyError`` where the file cannot be read, or holds something else.
    package init(path: String) throws {
        self.path = path
        state = Mutex(State(keys: try Self.read(path)))
    }

    /// Reads the file again; where that fails the keys stay as they are.
    ///
    /// - Returns: how many keys there are.
    @discardableResult
    package func reload() throws -> Int {
        let keys = try Self.read(path)
        let names = Set(keys.values.map(\.name))
        state.withLock { state in
            state.keys = keys
            state.used = state.used.filter { names.contains($0.key) || $0.value.inFlight > 0 }
        }
        return keys.count
    }

    private static func read(_ path: String) throws -> [[UInt8]: APIKey] {
        let bytes: [UInt8]
        do throws(ServerError) {
            bytes = try smallFile(path)
        } catch {
            throw APIKeyError("the keys cannot be read: \(error.message)")
        }
        var keys: [[UInt8]: APIKey] = [:]
        var names: Set<String> = []
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            do throws(APIKeyError) {
                guard let key = try APIKey(line: line) else { continue }
                guard names.insert(key.name).inserted else { throw APIKeyError("the name '\(key.name)' is there twice") }
                if let other = keys.updateValue(key, forKey: key.digest) {
                    throw APIKeyError("the key of '\(key.name)' is that of '\(other.name)'; give each its own")
                }
            } catch {
                throw APIKeyError("\(path), line \(index + 1): \(error)")
            }
        }
        guard !keys.isEmpty else { throw APIKeyError("\(path): holds no key, so that nobody could ask; `excite key NAME` makes one") }
        return keys
    }

    /// The key that a request comes with: `Authorization: Bearer KEY`, or `X-Api-Key: KEY`.
    ///
    /// How long it takes tells nothing of a key: digests are compared, and a client that learned a part of one could make no key of it.
    func key(of head: RequestHead) -> APIKey? {
        guard let given = Self.given(head), let digest = Array(given.utf8).withUnsafeBytes({ sha256($0) }) else { return nil }
        return state.withLock { $0.keys[digest] }
    }

    private static func given(_ head: RequestHead) -> String? {
        if let key = head.header("X-Api-Key") { return key }
        guard let words = head.header("Authorization")?.split(separator: " ", maxSplits: 1), words.count == 2,
            words[0].lowercased() == "bearer"
        else { return nil }
        return words[1].drop { $0 == " " }.description
    }

    /// Counts a request whose head has come.
    func admit(_ head: RequestHead, at now: ContinuousClock.Instant = .now) throws(Problem) {
        guard let key = key(of: head) else { throw .unauthorized(hasKey: Self.given(head) != nil) }
        let refusal: Problem? = state.withLock { state in
            var usage = state.usage(of: key, at: now)
            if let limit = key.inFlight, usage.inFlight >= limit { return .tooManyInFlight(key, limit) }
            if let rate = key.rate {
                usage.tokens = min(max(1, rate), usage.tokens + rate * ((now - usage.at) / .seconds(1)))
                usage.at = now
                defer { state.used[key.name] = usage }
                guard usage.tokens >= 1 else { return .tooFast(key, rate, seconds: (1 - usage.tokens) / rate) }
                usage.tokens -= 1
            }
            return nil
        }
        if let refusal { throw refusal }
    }

    /// Counts a request that is here in full as in flight, until what is returned is released or let go.
    func begin(_ head: RequestHead) throws(Problem) -> Flight {
        guard let key = key(of: head) else { throw .unauthorized(hasKey: Self.given(head) != nil) }
        let isFree = state.withLock { state in
            var usage = state.usage(of: key, at: .now)
            guard usage.inFlight < key.inFlight ?? .max else { return false }
            usage.inFlight += 1
            state.used[key.name] = usage
            return true
        }
        guard isFree else { throw .tooManyInFlight(key, key.inFlight ?? 0) }
        return Flight { [weak self] in
            self?.state.withLock { state in state.used[key.name]?.inFlight -= 1 }
        }
    }

    /// A request in flight.
    final class Flight: Sendable {
        private let end: Mutex<(@Sendable () -> Void)?>

        fileprivate init(_ end: @escaping @Sendable () -> Void) { self.end = Mutex(end) }
        deinit { release() }

        /// Only the first call counts.
        func release() {
            let end = end.withLock { end in
                defer { end = nil }
                return end
            }
            end?()
        }
    }
}

extension APIKeys.State {
    fileprivate func usage(of key: APIKey, at now: ContinuousClock.Instant) -> APIKeys.Usage {
        used[key.name] ?? APIKeys.Usage(tokens: max(1, key.rate ?? 1), at: now)
    }
}

extension Problem {
    /// RFC 6750, section 3.
    static func unauthorized(hasKey: Bool) -> Problem {
        var problem = Problem(
            401, "Unauthorized", code: "unauthorized",
            hasKey
                ? "the key is not one of this server's; ask its operator for one"
                : "this server asks for a key; send it as 'Authorization: Bearer KEY' or 'X-Api-Key: KEY'")
        problem.headers = [("WWW-Authenticate", hasKey ? "Bearer realm=\"excite\", error=\"invalid_token\"" : "Bearer realm=\"excite\"")]
        return problem
    }

    static func tooManyInFlight(_ key: APIKey, _ limit: Int) -> Problem {
        Problem(
            429, "Too many requests", code: "key_in_flight",
            "the key '\(key.name)' has as many requests in flight as it may, \(limit); wait for their answers", retryAfter: 1)
    }

    static func tooFast(_ key: APIKey, _ rate: Double, seconds: Double) -> Problem {
        Problem(
            429, "Too many requests", code: "key_rate", "the key '\(key.name)' may ask \(rate) times a second; send more slowly",
            retryAfter: max(1, Int(seconds.rounded(.up))))
    }
}
