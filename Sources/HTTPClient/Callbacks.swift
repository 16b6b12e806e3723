import CCURL

// What libcurl calls, for a transfer that is its context:
//
// CURLOPT_WRITEFUNCTION     receiveBody
// CURLOPT_HEADERFUNCTION    receiveHeader
// CURLOPT_XFERINFOFUNCTION  continueTransfer
//
// Global functions: a closure literal would belong to the actor that it stands in. Each returns how many bytes it took; any other number
// than were given ends the transfer.

/// As many bytes as the headers of all answers to one request may have.
private let headerLimit = 1 << 20

func receiveBody(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = Transfer.of(context) else { return 0 }
    do {
        try transfer.onBody(UnsafeRawBufferPointer(start: bytes, count: size * count))
        return size * count
    } catch {
        transfer.thrown = error
        // Nothing taken of a piece that has nothing would be success.
        return size * count == 0 ? 1 : 0
    }
}

/// One line of an answer's head: its status, a header, or the empty line at its end.
func receiveHeader(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = Transfer.of(context) else { return 0 }
    let bytes = UnsafeRawBufferPointer(start: bytes, count: size * count)
    transfer.headerBytes += bytes.count
    guard transfer.headerBytes <= headerLimit else { return 0 }
    let line = String(decoding: bytes, as: UTF8.self)
    if line.hasPrefix("HTTP/") {
        transfer.answers.append([:])
    } else if let colon = line.firstIndex(of: ":"), !transfer.answers.isEmpty {
        let value = line[line.index(after: colon)...].drop { $0.isWhitespace }
        let end = value.lastIndex { !$0.isWhitespace }.map { value.index(after: $0) } ?? value.startIndex
        transfer.answers[transfer.answers.count - 1][line[..<colon].lowercased()] = String(value[..<end])
    }
    return bytes.count
}

/// Asked about once a second; anything but 0 ends the transfer.
func continueTransfer(
    _ context: UnsafeMutableRawPointer?, _ total: curl_off_t, _ now: curl_off_t, _ uploadTotal: curl_off_t, _ uploadNow: curl_off_t
) -> Int32 {
    Transfer.of(context)?.isAbandoned() == true ? 1 : 0
}

extension Transfer {
    fileprivate static func of(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }
}
