/// The body of one request while it arrives: one buffer, bounded, and where its parts lie. Confined to the thread
/// that reads the connection.
struct Upload {
    private enum Kind {
        case raw(contentType: String?)
        case multipart(MultipartParser)
    }

    private var buffer: [UInt8] = []
    private let share: BodyMemory.Share
    private var kind: Kind
    private let limit: Int
    private let expected: Int

    /// - Throws: where the head alone tells that the body will not do.
    init(head: RequestHead, configuration: ServerConfiguration, memory: BodyMemory) throws(Refusal) {
        limit = configuration.bodyLimit
        expected = head.contentLength ?? 0
        guard expected <= limit else { throw .bodyTooLarge(limit: limit) }
        share = try memory.share(expecting: expected)
        let contentType = head.header("Content-Type")
        if let boundary = try MultipartParser.boundary(ofContentType: contentType) {
            kind = .multipart(MultipartParser(boundary: boundary, partLimit: configuration.partLimit))
        } else {
            kind = .raw(contentType: contentType)
        }
    }

    /// Bytes that have arrived.
    var count: Int { buffer.count }

    /// Takes the next bytes of the body.
    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(Refusal) {
        guard buffer.count + bytes.count <= limit else { throw .bodyTooLarge(limit: limit) }
        try share.grow(by: bytes.count)
        // All at once where the length is known: pages that never fill are never touched.
        if buffer.isEmpty { buffer.reserveCapacity(max(expected, bytes.count)) }
        buffer.append(contentsOf: bytes)
        if case .multipart(var parser) = kind {
            kind = .raw(contentType: nil)
            let result = buffer.withUnsafeBytes { bytes in
                Result<MultipartParser, Refusal> { () throws(Refusal) in
                    try parser.advance(over: bytes)
                    return parser
                }
            }
            kind = .multipart(try result.get())
        }
    }

    /// The parts of the complete body. The buffer is theirs from here on.
    mutating func finish() throws(Refusal) -> [Part] {
        guard !buffer.isEmpty else { return [] }
        let buffer = buffer
        switch kind {
        case .raw(let contentType):
            return [Part(name: nil, filename: nil, contentType: contentType, buffer: buffer, share: share, range: buffer.indices)]
        case .multipart(let parser):
            guard parser.isFinished else {
                throw .badMultipart("The form has no closing boundary: it was cut off, or its boundary is another.")
            }
            return parser.fields.map {
                Part(
                    name: $0.name, filename: $0.filename, contentType: $0.contentType, buffer: buffer, share: share, range: $0.content)
            }
        }
    }
}
