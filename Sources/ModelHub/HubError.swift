import FoundationEssentials
import Glibc

/// Why a model could not be had. Each message says what was wrong and what to do.
public enum HubError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A name, an address or an environment variable makes no sense.
    case invalid(String)
    /// The hub does not give the file: it is not there, or not for this user.
    case refused(String)
    /// The connection or the server failed, several times in a row.
    case unreachable(String)
    /// The bytes that came are not those that were announced.
    case damaged(String)
    /// A file cannot be read or written.
    case file(String)

    public var description: String {
        switch self {
        case .invalid(let message), .refused(let message), .unreachable(let message), .damaged(let message), .file(let message): message
        }
    }
}

/// A failure that may pass: it is tried again.
struct Transient: Error {
    var reason: String
    /// What the server asked for, in its `Retry-After`.
    var wait: Duration?
    /// Whether the attempt brought something, so that the count of attempts starts anew.
    var madeProgress = false
}

/// The system's words for what went wrong with a file, where it was the system that refused.
func systemReason(_ error: any Error) -> String {
    guard let code = ((error as? CocoaError)?.underlying as? POSIXError)?.code else { return "\(error)" }
    return String(cString: strerror(code.rawValue))
}
