/// Reads requests from a connection's raw bytes, strictly as RFC 9112 has them and whatever pieces they come in, and writes them
/// anew for the daemon.
///
/// libmicrohttpd 0.9.75 takes folded lines, bare line feeds, blanks before a colon and lengths with a sign, and what a proxy in front
/// reads differently is a smuggled request. So the daemon gets no byte of a head that a client wrote: a head is held back until it is
/// complete and found right, and then stands for the daemon in the few lines that it needs. Chunk lines are written anew, too, and
/// trailers left out; a body's bytes pass as they are.
struct RequestReader {
    /// A complete head, on its way to the daemon.
    struct Received {
        let head: RequestHead
        /// What stands for the request's target before the daemon.
        let target: String
    }

    private enum Section {
        case requestLine
        case fields
        /// So many bytes of a body or a chunk are to come.
        case data(Int)
        case chunkSize
        /// The line break after a chunk.
        case chunkEnd
        case trailers
        /// After a request that ends the connection: what comes means nothing.
        case ended
    }

    private static let emptyLineLimit = 4
    private static let chunkLineLimit = 256

    /// Requests of which a byte has come.
    private(set) var begun = 0
    private let limits: HeadLimits
    private let client: String
    private let isSingle: Bool
    private var section = Section.requestLine
    /// The line that is not complete.
    private var line: [UInt8] = []
    private var emptyLines = 0
    private var began = ContinuousClock.now
    private var requestLine: RequestLine?
    private var fields: [(name: String, value: String)] = []
    private var headBytes = 0
    private var trailerCount = 0
    private var isChunked = false
    private var isLast = false

    /// - Parameter isSingle: whether the first request is the last, whatever the client says.
    init(limits: HeadLimits, client: String, isSingle: Bool) {
        self.limits = limits
        self.client = client
        self.isSingle = isSingle
    }

    /// How many of the next bytes are a body's, and need no look.
    var bodyBytesAhead: Int { if case .data(let count) = section { count } else { 0 } }

    /// Whether a body is under way.
    var isInBody: Bool {
        switch section {
        case .data, .chunkSize, .chunkEnd, .trailers: true
        case .requestLine, .fields, .ended: false
        }
    }

    /// Whether everything that comes is to be thrown away.
    var hasEnded: Bool { if case .ended = section { true } else { false } }

    /// What is known of the request whose head is not complete; nil where none is under way.
    var incompleteHead: RequestHead? {
        switch section {
        case .fields: break
        case .requestLine where hasBegun: break
        default: return nil
        }
        return RequestHead(
            unparsed: requestLine?.target ?? "", method: requestLine?.method ?? "", headers: fields, client: client, began: began)
    }

    /// Passes so many body bytes, which went past the reader.
    /// - Parameter count: up to ``bodyBytesAhead``.
    mutating func passBody(_ count: Int) {
        guard case .data(let left) = section else { return }
        if count < left {
            section = .data(left - count)
        } else if isChunked {
            section = .chunkEnd
        } else {
            endRequest()
        }
    }

    /// Takes the next bytes of the connection.
    /// - Parameters:
    ///   - now: when they came.
    ///   - output: gets what the daemon is to read.
    ///   - heads: gets the heads that are complete.
    /// - Throws: at the first byte that cannot be; nothing may be read from this connection any more.
    mutating func read(
        _ bytes: UnsafeRawBufferPointer, at now: ContinuousClock.Instant, output: inout [UInt8], heads: inout [Received]
    ) throws(Refusal) {
        var offset = 0
        while offset < bytes.count {
            switch section {
            case .ended: return
            case .data(let left):
                let count = min(left, bytes.count - offset)
                output += bytes[offset..<offset + count]
                offset += count
                passBody(count)
            default:
                let byte = bytes[offset]
                offset += 1
                if !hasBegun, byte != 0x0D, byte != 0x0A { begin(at: now) }
                do throws(Refusal) {
                    if try isLineComplete(with: byte) {
                        try take(line.dropLast(2), output: &output, heads: &heads)
                        line.removeAll(keepingCapacity: true)
                    }
                } catch {
                    // A request that is broken from its first byte is one, too.
                    if !hasBegun { begin(at: now) }
                    throw error
                }
            }
        }
        if line.isEmpty, !isInHead { line = [] }
    }

    private var isInHead: Bool {
        switch section {
        case .requestLine: hasBegun
        case .fields: true
        default: false
        }
    }

    /// Whether the request under way, or the one awaited, has its first byte.
    private var hasBegun = false

    private mutating func begin(at now: ContinuousClock.Instant) {
        hasBegun = true
        began = now
        begun += 1
    }

    /// Adds a byte to the line. Bytes that no line may have are found at once, not at the line's end, which may never come.
    private mutating func isLineComplete(with byte: UInt8) throws(Refusal) -> Bool {
        let isAfterReturn = line.last == 0x0D
        line.append(byte)
        switch byte {
        case 0x0A:
            guard isAfterReturn else { throw .badRequest("A line ends without a carriage return.") }
        case _ where isAfterReturn:
            throw .badRequest("A carriage return stands alone.")
        case 0x09, 0x0D: break
        case 0x00..<0x20, 0x7F:
            throw .badRequest("A line has a control character.")
        default: break
        }
        switch section {
        case .chunkSize, .chunkEnd:
            guard line.count <= Self.chunkLineLimit else {
                throw .badRequest("A chunk's line is longer than \(Self.chunkLineLimit) bytes.")
            }
        case .requestLine:
            headBytes += 1
            // The method, the version, blanks and the line break besides.
            guard line.count <= limits.target + RequestLine.methodLimit + 12, headBytes <= limits.bytes else {
                throw .targetTooLong(limit: min(limits.target, limits.bytes))
            }
        default:
            headBytes += 1
            guard headBytes <= limits.bytes else { throw .headTooLarge(limit: limits.bytes) }
        }
        return byte == 0x0A
    }

    /// Takes a complete line, without its line break.
    private mutating func take(_ line: ArraySlice<UInt8>, output: inout [UInt8], heads: inout [Received]) throws(Refusal) {
        switch section {
        case .requestLine:
            if line.isEmpty {
                // RFC 9112, 2.2: some clients send one after a body.
                emptyLines += 1
                headBytes = 0
                guard emptyLines <= Self.emptyLineLimit else { throw .badRequest("There are empty lines where a request should start.") }
            } else {
                requestLine = try RequestLine(line, limits: limits)
                section = .fields
            }
        case .fields:
            if line.isEmpty { return try endHead(output: &output, heads: &heads) }
            guard fields.count < limits.fields else { throw .tooManyFields(limit: limits.fields) }
            fields.append(try headerField(line))
        case .chunkSize:
            let size = try chunkSize(line)
            if size > 0 {
                output += Array("\(String(size, radix: 16))\r\n".utf8)
                section = .data(size)
            } else {
                section = .trailers
            }
        case .chunkEnd:
            guard line.isEmpty else { throw .badRequest("A chunk is longer than its size says.") }
            output += [0x0D, 0x0A]
            section = .chunkSize
        case .trailers:
            if line.isEmpty {
                output += Array("0\r\n\r\n".utf8)
                endRequest()
            } else {
                trailerCount += 1
                guard fields.count + trailerCount <= limits.fields else { throw .tooManyFields(limit: limits.fields) }
                _ = try headerField(line)
            }
        case .data, .ended: break
        }
    }

    private mutating func endHead(output: inout [UInt8], heads: inout [Received]) throws(Refusal) {
        guard let requestLine else { return }
        let head = try RequestHead(requestLine, headers: fields, client: client, began: began)
        isChunked = head.isChunked
        isLast = isSingle || head.isLast(of: requestLine.version)
        let received = Received(head: head, target: "/\(begun)")
        heads.append(received)
        output += Array(
            daemonHead(head, target: received.target, version: requestLine.version, isLast: isLast).utf8)
        if isChunked {
            section = .chunkSize
        } else if let length = head.contentLength, length > 0 {
            section = .data(length)
        } else {
            endRequest()
        }
    }

    private mutating func endRequest() {
        section = isLast ? .ended : .requestLine
        hasBegun = false
        emptyLines = 0
        requestLine = nil
        fields = []
        headBytes = 0
        trailerCount = 0
    }
}

/// The head that the daemon gets: what it needs for the framing, and nothing that a client chose beyond that.
private func daemonHead(_ head: RequestHead, target: String, version: HTTPVersion, isLast: Bool) -> String {
    var lines = "\(head.method) \(target) \(version.rawValue)\r\n"
    if head.isChunked {
        lines += "Transfer-Encoding: chunked\r\n"
    } else if let length = head.contentLength {
        lines += "Content-Length: \(length)\r\n"
    }
    if isLast {
        lines += "Connection: close\r\n"
    } else if version == .http10 {
        lines += "Connection: keep-alive\r\n"
    }
    if head.awaitsContinue, version == .http11 { lines += "Expect: 100-continue\r\n" }
    return lines + "\r\n"
}
