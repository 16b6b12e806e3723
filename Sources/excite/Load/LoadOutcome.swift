import AsyncHTTPClient
import Glibc
import NIOCore
import NIOPosix

/// What became of a request.
enum LoadOutcome: Hashable, Comparable, CustomStringConvertible {
    case status(Int)
    case timeout
    case connectionRefused
    case connectionClosed
    /// Anything else, in the client's words.
    case failed(String)

    static let answered = LoadOutcome.status(200)

    /// Whether there was an answer at all.
    var isStatus: Bool { if case .status = self { true } else { false } }

    init(_ error: any Error) {
        switch error {
        case let error as HTTPClientError:
            switch error {
            case .deadlineExceeded, .readTimeout, .writeTimeout, .connectTimeout, .getConnectionFromPoolTimeout: self = .timeout
            case .remoteConnectionClosed: self = .connectionClosed
            default: self = .failed(error.shortDescription)
            }
        case let error as IOError: self.init(errno: error.errnoCode)
        case ChannelError.connectTimeout: self = .timeout
        case is ChannelError: self = .connectionClosed
        case let error as NIOConnectionError:
            guard let first = error.connectionErrors.first else {
                self = .failed("the host cannot be resolved")
                return
            }
            self.init(first.error)
        default: self = .failed("\(error)")
        }
    }

    private init(errno code: Int32) {
        switch code {
        case ECONNREFUSED: self = .connectionRefused
        case ECONNRESET, EPIPE: self = .connectionClosed
        case ETIMEDOUT: self = .timeout
        default: self = .failed(String(cString: strerror(code)))
        }
    }

    var description: String {
        switch self {
        case .status(let code): "\(code)"
        case .timeout: "timeout"
        case .connectionRefused: "connection refused"
        case .connectionClosed: "connection closed"
        case .failed(let reason): reason
        }
    }
}
