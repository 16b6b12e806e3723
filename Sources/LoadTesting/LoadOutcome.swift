import CCURL
import Glibc
import HTTPClient

/// What became of a request.
public enum LoadOutcome: Hashable, Comparable, Sendable, CustomStringConvertible {
    case status(Int)
    case timeout
    case connectionRefused
    case connectionClosed
    /// Anything else, in the client's words.
    case failed(String)

    public static let answered = LoadOutcome.status(200)

    /// Whether there was an answer at all.
    var isStatus: Bool { if case .status = self { true } else { false } }

    init(_ error: any Error) {
        guard let failure = error as? TransferFailure else {
            self = .failed("\(error)")
            return
        }
        switch failure.code {
        case CURLE_OPERATION_TIMEDOUT: self = .timeout
        case CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR: self = .connectionClosed
        case CURLE_COULDNT_RESOLVE_HOST: self = .failed("the host cannot be resolved")
        case CURLE_COULDNT_CONNECT where failure.systemError != 0: self.init(errno: failure.systemError)
        default: self = .failed(failure.reason)
        }
    }

    /// - Parameter code: why a socket failed; 0 where its other side closed it.
    init(errno code: Int32) {
        switch code {
        case ECONNREFUSED: self = .connectionRefused
        case 0, ECONNRESET, EPIPE: self = .connectionClosed
        case ETIMEDOUT: self = .timeout
        default: self = .failed(String(cString: strerror(code)))
        }
    }

    public var description: String {
        switch self {
        case .status(let code): "\(code)"
        case .timeout: "timeout"
        case .connectionRefused: "connection refused"
        case .connectionClosed: "connection closed"
        case .failed(let reason): reason
        }
    }
}
