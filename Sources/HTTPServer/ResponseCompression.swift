import CZlib

extension Response {
    /// Bodies that are smaller fit in a packet or two as they are.
    private static let leastCompressed = 1 << 10

    /// The response as the client takes it: compressed where the request's `Accept-Encoding` has gzip or deflate (RFC 9110, section 12.5.3)
    /// and the body is larger than 1 KiB.
    public func compressed(for head: RequestHead) -> Response {
        guard body.count > Self.leastCompressed, !headers.contains(where: { equalIgnoringCase($0.0, "Content-Encoding") }) else {
            return self
        }
        var response = self
        response.headers.append(("Vary", "Accept-Encoding"))
        guard let coding = head.acceptedCoding, let bytes = deflated(body, windowBits: coding == "gzip" ? MAX_WBITS + 16 : MAX_WBITS),
            bytes.count < body.count
        else {
            return response
        }
        response.headers.append(("Content-Encoding", coding))
        response.body = bytes
        return response
    }
}

extension RequestHead {
    /// Of gzip and deflate the first that the client takes.
    fileprivate var acceptedCoding: String? {
        let accepted = headers.filter { equalIgnoringCase($0.name, "Accept-Encoding") }.flatMap { $0.value.split(separator: ",") }.map {
            $0.split(separator: ";").map { trimmed($0) }
        }
        return ["gzip", "deflate"].first { coding in
            accepted.contains { parts in
                parts.first.map { equalIgnoringCase($0, coding) } == true
                    && !parts.dropFirst().contains { equalIgnoringCase($0.prefix(2), "q=") && Double($0.dropFirst(2)) == 0 }
            }
        }
    }
}

/// Fast rather than small: an answer should not take longer to compress than to send.
///
/// - Parameter windowBits: `MAX_WBITS` for zlib's form, 16 more for gzip's.
func deflated(_ body: [UInt8], windowBits: Int32) -> [UInt8]? {
    var stream = z_stream()
    guard excite_deflate_init(&stream, 1, windowBits) == Z_OK else { return nil }
    defer { deflateEnd(&stream) }
    let bound = Int(deflateBound(&stream, UInt(body.count)))
    var isComplete = false
    let bytes = body.withUnsafeBufferPointer { body in
        [UInt8](unsafeUninitializedCapacity: bound) { bytes, count in
            stream.next_in = UnsafeMutablePointer(mutating: body.baseAddress)
            stream.avail_in = UInt32(body.count)
            stream.next_out = bytes.baseAddress
            stream.avail_out = UInt32(bound)
            isComplete = deflate(&stream, Z_FINISH) == Z_STREAM_END
            count = bound - Int(stream.avail_out)
        }
    }
    return isComplete ? bytes : nil
}
