import FoundationEssentials
import Glibc

/// Why there is no load: what was wrong and what to do.
public struct LoadError: Error, CustomStringConvertible {
    public var description: String

    public init(_ description: String) { self.description = description }

    /// What went wrong with a file, in the system's words where it was the system that refused.
    init(_ what: String, _ error: any Error) {
        let code = ((error as? CocoaError)?.underlying as? POSIXError)?.code
        description = "\(what): \(code.map { String(cString: strerror($0.rawValue)) } ?? "\(error)")"
    }
}
