import CCURL
import Glibc

/// Why there is no answer.
public struct TransferFailure: Error, Sendable, CustomStringConvertible {
    public let code: CURLcode
    /// The system's own number, where it was the system that refused something; otherwise 0.
    public let systemError: Int32
    /// libcurl's words for this very failure, or for all of its kind.
    public let description: String

    init(code: CURLcode, systemError: Int32 = 0, detail: String = "") {
        self.code = code
        self.systemError = systemError
        description = detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
    }

    /// The system's words where it refused something, otherwise libcurl's.
    public var reason: String { systemError == 0 ? description : String(cString: strerror(systemError)) }

    static func check(_ code: CURLcode) throws(TransferFailure) {
        guard code == CURLE_OK else { throw TransferFailure(code: code) }
    }
}

/// libcurl is to be made ready once, before any use.
let globalState = curl_global_init(Int(CURL_GLOBAL_ALL))
