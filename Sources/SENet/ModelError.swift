import FoundationEssentials
import Glibc
import Threads

/// Why a model cannot be loaded, by what is at fault.
public enum ModelError: Error, Equatable, Sendable, CustomStringConvertible {
    /// `config.json` is missing, malformed or asks for something that is not supported.
    case configuration(String)
    /// The operations do not fit each other or the input's size.
    case network(String)
    /// The weights' file is damaged, or does not fit the network.
    case weights(String)
    /// A file cannot be read or written.
    case file(String)
    /// The engine cannot run here: an instruction set that the CPU lacks, memory that cannot be had.
    case engine(String)

    public var description: String {
        switch self {
        case .configuration(let text), .network(let text), .weights(let text), .file(let text), .engine(let text): printable(text)
        }
    }
}

extension ModelError {
    /// A thread that cannot be had.
    package init(_ error: ThreadError) { self = .engine(error.description) }
}

extension ModelError {
    /// A file that cannot be read, with the system's reason.
    package static func cannotRead(_ path: String, _ error: any Error) -> ModelError {
        .file("\(path): cannot be read: \(systemReason(error))")
    }

    /// A file that cannot be written, with the system's reason.
    package static func cannotWrite(_ path: String, _ error: any Error) -> ModelError {
        .file("\(path): cannot be written: \(systemReason(error))")
    }

    private static func systemReason(_ error: any Error) -> String {
        guard let underlying = (error as? CocoaError)?.underlying as? POSIXError else { return "\(error)" }
        return String(cString: strerror(underlying.code.rawValue))
    }
}
