/// Where a connection came in.
public enum Entrance: Sendable {
    /// The address that the server is known by: everybody else's connections count against the limits.
    case main
    /// ``ServerConfiguration/probePort``: answers probes alone.
    case probes
    /// ``ServerConfiguration/adminPort``: answers whatever is handled there. Its connections are taken over the limits as probes' are, and end
    /// with an answer.
    case admin
}
