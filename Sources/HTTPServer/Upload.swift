/// The body of one request while it arrives: one buffer, bounded, and where its parts lie. Confined to the thread
/// that reads the connection.
struct Upload {
    private enum Kind {
        case raw(contentType: String?)
        case multipart(MultipartParser)
    }

    private let buffer: BodyBuffer
    private var kind: Kind
    private let limit: Int
    private let expected: Int
    /// Set where the body is compressed: the buffer holds what it stands for.
    private let decoder: ContentDecoder?

    /// - Throws: where the head alone tells that the body will not do.
    init(head: RequestHead, configuration: ServerConfiguration, memory: BodyMemory) throws(Refusal) {
        limit = configuration.bodyLimit
        decoder = try ContentDecoder.decoder(for: head)
        expected = head.contentLength ?? 0
        guard expected <= limit else { throw .bodyTooLarge(limit: limit) }
        buffer = BodyBuffer(share: try memory.share(expecting: expected, of: head.clientAddress))
        let contentType = head.header("Content-Type")
        if let boundary = try MultipartParser.boundary(ofContentType: contentType) {
            kind = .multipart(MultipartParser(boundary: boundary, partLimit: configuration.partLimit))
        } else {
            kind = .raw(contentType: contentType)
        }
    }

    /// Takes the next bytes of the body.
    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(Refusal) {
        guard let decoder else { return try take(bytes) }
        try decoder.decode(bytes) { (bytes) throws(Refusal) in try take(bytes) }
    }

    private mutating func take(_ bytes: UnsafeRawBufferPointer) throws(Refusal) {
        guard buffer.count + bytes.count <= limit else { throw .bodyTooLarge(limit: limit) }
        try buffer.append(bytes, expecting: expected)
        if case .multipart(var parser) = kind {
            kind = .raw(contentType: nil)
            try parser.advance(over: buffer.bytes)
            kind = .multipart(parser)
        }
    }

    /// The parts of the complete body. Nothing may be appended after it.
    func finish() throws(Refusal) -> [Part] {
        try decoder?.finish()
        guard buffer.count > 0 else { return [] }
        switch kind {
        case .raw(let contentType):
            return [Part(name: nil, filename: nil, contentType: contentType, buffer: buffer, range: 0..<buffer.count)]
        case .multipart(let parser):
            guard parser.isFinished else {
                throw .badMultipart("The form has no closing boundary: it was cut off, or its boundary is another.")
            }
            return parser.fields.map {
                Part(name: $0.name, filename: $0.filename, contentType: $0.contentType, buffer: buffer, range: $0.content)
            }
        }
    }
}
