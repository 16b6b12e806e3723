/// What a run does.
public struct LoadPlan: Sendable {
    public enum Arrival: Sendable {
        /// Requests a second, whatever became of those before.
        case open(rate: Double, isRandom: Bool = false)
        /// Clients that each send the next request when the last one is answered.
        case closed(clients: Int)
    }

    public var target: LoadTarget
    public var payload: LoadPayload
    public var arrival: Arrival
    /// How long requests are sent, in seconds.
    public var duration: Double
    /// The most requests at a time; the others wait.
    public var connections: Int
    /// From when a request is due to the end of its answer.
    public var timeout: Duration
    /// How long an answer is of use.
    public var deadline: Duration?
    /// The share of requests whose connection is closed once they are sent.
    public var leave: Double
    /// Connections that drip a byte a second.
    public var slow: Int

    public init(
        target: LoadTarget, payload: LoadPayload, arrival: Arrival, duration: Double, connections: Int, timeout: Duration,
        deadline: Duration? = nil, leave: Double = 0, slow: Int = 0
    ) {
        self.target = target
        self.payload = payload
        self.arrival = arrival
        self.duration = duration
        self.connections = connections
        self.timeout = timeout
        self.deadline = deadline
        self.leave = leave
        self.slow = slow
    }
}
