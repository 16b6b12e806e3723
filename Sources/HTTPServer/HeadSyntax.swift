/// What bounds the head of a request.
struct HeadLimits {
    /// Bytes from the request line to the empty line, and of trailers.
    var bytes: Int
    /// Header fields and trailers together.
    var fields: Int
    /// Bytes of the request's target.
    var target: Int
    /// Fields of its query.
    var queryFields: Int
}

/// The versions that are understood.
enum HTTPVersion: String {
    case http10 = "HTTP/1.0"
    case http11 = "HTTP/1.1"

    /// - Throws: 505 for a version that is another.
    init(_ text: String) throws(Refusal) {
        if let version = HTTPVersion(rawValue: text) {
            self = version
            return
        }
        let shape = text.utf8.map { (0x30...0x39).contains($0) ? UInt8(ascii: "0") : $0 }
        throw shape == Array("HTTP/0.0".utf8)
            ? .unsupportedVersion : .badRequest("The request's first line does not end in an HTTP version.")
    }
}

/// The first line of a request (RFC 9112, section 3).
struct RequestLine {
    static let methodLimit = 32

    let method: String
    /// As sent.
    let target: String
    let version: HTTPVersion

    /// - Parameter line: without its line break, and free of control characters.
    init(_ line: ArraySlice<UInt8>, limits: HeadLimits) throws(Refusal) {
        let words = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard words.count == 3, !words[1].isEmpty else {
            throw .badRequest("A request starts with a line of method, URL and version, with one space between them.")
        }
        method = String(decoding: words[0], as: UTF8.self)
        guard isToken(method), words[0].count <= Self.methodLimit else { throw .badRequest("The method is none.") }
        let target = words[1]
        guard target.count <= limits.target else { throw .targetTooLong(limit: limits.target) }
        guard target.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .badRequest("The URL has a space, a control character or one that is not ASCII's; percent-encode it.")
        }
        guard target.count(where: { $0 == UInt8(ascii: "&") }) < limits.queryFields else {
            throw .tooManyQueryFields(limit: limits.queryFields)
        }
        self.target = String(decoding: target, as: UTF8.self)
        version = try HTTPVersion(String(decoding: words[2], as: UTF8.self))
    }
}

/// A header field or a trailer (RFC 9112, section 5).
/// - Parameter line: without its line break, and free of control characters other than tabs.
func headerField(_ line: ArraySlice<UInt8>) throws(Refusal) -> (name: String, value: String) {
    guard let first = line.first, first != 0x20, first != 0x09 else {
        throw .badRequest("A header is folded over lines; send it on one.")
    }
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw .badRequest("A header line has no colon.") }
    let name = String(decoding: line[..<colon], as: UTF8.self)
    guard isToken(name) else { throw .badRequest("A header's name has a character that does not belong there.") }
    let text = String(decoding: line[(colon + 1)...], as: UTF8.self)
    let value = trimmed(text[...])
    // Where the body ends is not to depend on how somebody on the way reads blanks.
    if let last = line.last, last == 0x20 || last == 0x09, framingFields.contains(where: { equalIgnoringCase($0, name) }) {
        throw .badRequest("\(name) has blanks after its value.")
    }
    return (name, String(value))
}

private let framingFields = ["Content-Length", "Transfer-Encoding"]

/// The size in a chunk's line (RFC 9112, 7.1). Extensions mean nothing here, and are passed over.
/// - Parameter line: without its line break, and free of control characters other than tabs.
func chunkSize(_ line: ArraySlice<UInt8>) throws(Refusal) -> Int {
    let digits = line.prefix { $0 != UInt8(ascii: ";") }
    guard !digits.isEmpty, digits.allSatisfy({ hexValue($0) != nil }), let size = Int(String(decoding: digits, as: UTF8.self), radix: 16)
    else {
        throw .badRequest("A chunk's size has to be a hexadecimal number.")
    }
    return size
}
