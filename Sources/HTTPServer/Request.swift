/// A request as the handler gets it: the body is complete, and read only where it lies.
public struct Request: Sendable {
    /// Method, path, query, headers.
    public let head: RequestHead
    /// The client's `X-Request-Id` where it is printable ASCII of up to 128 characters, else one made here. Sent back.
    public let id: String
    /// The fields of a multipart body in their order; a raw body is one part without a name; no body, no part.
    public let parts: [Part]
    /// From the request's first byte to the end of the body.
    public let received: Duration

    let exchange: Exchange

    /// Counts the body among what is in memory as long as somebody holds it: for who makes something else of the body, about as large, and lets
    /// the body go.
    public var share: BodyMemory.Share? { parts.first?.buffer.share }

    /// Whether the client closed its side while the answer is awaited: what it asked for need not be done any more.
    /// A client that only half-closed looks the same (both send nothing but a FIN); it still gets what is answered.
    /// Cheap (one `poll`), from any thread; false once the request is answered.
    public var clientHasLeft: Bool { exchange.clientHasLeft }

    /// ``clientHasLeft`` to be asked later, by something that does not hold the body.
    public var watch: @Sendable () -> Bool {
        let exchange = exchange
        return { exchange.clientHasLeft }
    }
}

/// One field of a multipart body, or the whole of a raw one. All parts of a request share one buffer.
public struct Part: Sendable {
    /// The field's name; nil for a raw body.
    public let name: String?
    /// The client's name for the file, as sent: never a path to open.
    public let filename: String?
    /// The part's `Content-Type`; the request's for a raw body.
    public let contentType: String?

    let buffer: BodyBuffer
    let range: Range<Int>

    /// The size in bytes.
    public var count: Int { range.count }

    /// Some of the bytes, where they lie.
    ///
    /// - Precondition: the range is one of the part's bytes, counted from its first.
    public func slice(_ range: Range<Int>) -> Part {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "bytes outside of the part")
        let start = self.range.lowerBound
        return Part(
            name: name, filename: filename, contentType: contentType, buffer: buffer,
            range: start + range.lowerBound..<start + range.upperBound)
    }

    /// Whether it is the same bytes in the same place.
    public func isSame(as other: Part) -> Bool { buffer === other.buffer && range == other.range }

    /// Calls `body` with the bytes, which are valid only until it returns.
    public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try withExtendedLifetime(buffer) { try body(UnsafeRawBufferPointer(rebasing: buffer.bytes[range])) }
    }
}

/// What became of a request, reported once its answer has gone out or its connection is lost.
public struct CompletedRequest: Sendable {
    /// What was asked, as far as it arrived: where the head never became complete the method may be empty.
    public let head: RequestHead
    /// As in the response's `X-Request-Id`.
    public let id: String
    /// The status answered, or 499 where the client left before there was an answer.
    public let status: Int
    /// Whether the whole answer was handed to the network.
    public let delivered: Bool
    /// Bytes of the request's body that arrived.
    public let bytesReceived: Int
    /// Bytes of the response's body that were sent; 0 where it was not delivered.
    public let bytesSent: Int
    /// From the request's first byte to the end of the body; nil where that did not come.
    public let received: Duration?
    /// From the request's first byte to the response's last.
    public let duration: Duration
    /// ``Response/context`` of the answer.
    public let context: (any Sendable)?
}
