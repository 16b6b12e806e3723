@testable import HTTPServer

/// What the reader made of a stream: the heads and bodies in their order, and the status of the refusal that ended it.
struct Reading: Equatable {
    struct Message: Equatable {
        var method: String
        var path: String
        var headers: [String]
        var body: [UInt8]
    }
    var messages: [Message] = []
    /// Whether the last message is all here.
    var isComplete = true
    var refused: Int?
}

extension Reading {
    /// Reads a stream in pieces of the given sizes, the last of which goes on.
    init(of stream: [UInt8], pieces: [Int], limits: HeadLimits) {
        var reader = RequestReader(limits: limits, client: "test", isSingle: false)
        var output: [UInt8] = []
        var heads: [RequestReader.Received] = []
        var refused: Int?
        var offset = 0
        var sizes = pieces[...]
        while offset < stream.count, refused == nil {
            let size = min(stream.count - offset, max(1, sizes.first ?? stream.count))
            if sizes.count > 1 { sizes.removeFirst() }
            let piece = Array(stream[offset..<offset + size])
            offset += size
            // As the connection does with the bytes of large bodies.
            if reader.bodyBytesAhead >= size, size > 1 {
                reader.passBody(size)
                output += piece
                continue
            }
            do throws(Refusal) {
                var failure: Refusal?
                piece.withUnsafeBytes { bytes in
                    do throws(Refusal) {
                        try reader.read(bytes, at: .now, output: &output, heads: &heads)
                    } catch { failure = error }
                }
                if let failure { throw failure }
            } catch { refused = error.status }
        }
        self = Self.daemonReading(output, heads, refused)
    }

    /// What a plain reader makes of the bytes that the daemon gets.
    private static func daemonReading(_ output: [UInt8], _ heads: [RequestReader.Received], _ refused: Int?) -> Reading {
        var reading = Reading(refused: refused)
        var rest = output[...]
        for received in heads {
            let head = received.head
            var message = Reading.Message(
                method: head.method, path: head.path, headers: head.headers.map { "\($0.name): \($0.value)" }, body: [])
            while let line = popLine(&rest), !line.isEmpty {}
            if head.isChunked {
                reading.isComplete = false
                while let line = popLine(&rest), let size = Int(line, radix: 16) {
                    message.body += rest.prefix(size)
                    let isWhole = rest.count >= size
                    rest = rest.dropFirst(size)
                    if isWhole { _ = popLine(&rest) }
                    if size == 0 { reading.isComplete = true }
                    if size == 0 || !isWhole { break }
                }
            } else {
                let length = head.contentLength ?? 0
                message.body = Array(rest.prefix(length))
                rest = rest.dropFirst(length)
                reading.isComplete = message.body.count == length
            }
            reading.messages.append(message)
        }
        return reading
    }

    private static func popLine(_ rest: inout ArraySlice<UInt8>) -> String? {
        guard let end = rest.firstIndex(of: 0x0A) else { return nil }
        defer { rest = rest[(end + 1)...] }
        return String(decoding: rest[..<end].dropLast(), as: UTF8.self)
    }
}
