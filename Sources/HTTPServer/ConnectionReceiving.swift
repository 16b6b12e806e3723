import Glibc

extension Connection {
    /// Bytes read from the socket at once, where they are looked at.
    private static let pieceSize = 16 << 10

    /// What the daemon's `recv` does: returns like that, with `errno` where it returns −1.
    ///
    /// Less than asked for is returned only where the socket has nothing more: the daemon then waits for epoll's next edge. Bytes that
    /// are held back (a head that is not complete) change nothing in that, for only further bytes can set them free.
    ///
    /// - Parameter session: where TLS is spoken; then less may be returned, for the daemon asks again until nothing more is there.
    func receive(into buffer: UnsafeMutableRawBufferPointer, session: TLSSession?) -> Int {
        let (count, error) = state.withLock { state in
            if let session {
                if !state.isSecured {
                    state.isSecured = true
                    if reserve == nil { state.deadline = nil }
                }
                if !state.farewell.isEmpty {
                    session.send(state.farewell)
                    state.farewell = []
                }
            }
            var count = 0
            let error = fill(buffer, &count, &state, session)
            // What was found before the fault belongs to the request that is refused.
            return state.cutStatus == nil ? (count, error) : (0, 0)
        }
        if count > 0 { return count }
        errno = error
        return error == 0 ? 0 : -1
    }

    /// Fills the buffer as far as there are bytes; then returns why there are no more: an error number, or 0 at the end of the input.
    private func fill(_ buffer: UnsafeMutableRawBufferPointer, _ filled: inout Int, _ state: inout State, _ session: TLSSession?) -> Int32 {
        if state.cutStatus != nil { return 0 }
        while true {
            if !state.outbox.isEmpty {
                let count = min(state.outbox.count, buffer.count - filled)
                UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + count]).copyBytes(from: state.outbox.prefix(count))
                if count == state.outbox.count { state.outbox = [] } else { state.outbox.removeFirst(count) }
                filled += count
            }
            if filled == buffer.count { return EAGAIN }
            // The daemon is to come to its end with the requests before, whose answers are on the way.
            if state.violation != nil { return EAGAIN }
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let received: Int
            let asked: Int
            if state.reader.bodyBytesAhead >= room.count {
                asked = room.count
                received = take(room.baseAddress, asked, session)
                if received > 0 {
                    state.reader.passBody(received)
                    state.pace?.bytes += received
                    filled += received
                }
            } else {
                asked = Self.pieceSize
                received = withUnsafeTemporaryAllocation(byteCount: asked, alignment: 16) { piece in
                    let received = take(piece.baseAddress, asked, session)
                    if received > 0 { read(UnsafeRawBufferPointer(rebasing: piece[..<received]), &state, session) }
                    return received
                }
            }
            if received < 0 { return errno }
            if received == 0 { return 0 }
            // A TLS record may be shorter than what is there.
            if state.cutStatus != nil || (received < asked && state.outbox.isEmpty && session == nil) { return EAGAIN }
        }
    }

    private func take(_ buffer: UnsafeMutableRawPointer?, _ count: Int, _ session: TLSSession?) -> Int {
        session?.receive(buffer, count) ?? recvfrom(socket, buffer, count, 0, nil, nil)
    }

    /// Has the reader take the next bytes of the connection.
    private func read(_ bytes: UnsafeRawBufferPointer, _ state: inout State, _ session: TLSSession?) {
        let now = ContinuousClock.now
        let begun = state.reader.begun
        let known = state.heads.count
        state.pace?.bytes += bytes.count
        do throws(Refusal) {
            defer { core.registry.requestsStarted(state.reader.begun - begun) }
            try state.reader.read(bytes, at: now, output: &state.outbox, heads: &state.heads)
            if let reserve, state.heads.count > known, let head = state.heads.last?.head, !core.isReserved(for: head, at: entrance) {
                throw reserve
            }
        } catch {
            state.violation = error
            if state.isLastRequestNext { cut(&state, error, isReading: true, session: session) }
            return
        }
        if state.reader.begun > begun, state.exchange == nil, reserve == nil || entrance == .admin {
            state.deadline = now + core.configuration.receiveTimeout
        }
        if !state.reader.isInBody { state.pace = nil } else if state.pace == nil || state.heads.count > known { state.pace = (now, 0) }
    }
}
