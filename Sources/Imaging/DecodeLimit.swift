import CImageRows

/// When the decoding of one image must be over, or is no longer wanted.
final class DecodeLimit {
    let allowed: Duration
    private let end: ContinuousClock.Instant
    fileprivate let isAbandoned: (() -> Bool)?

    /// - Parameters:
    ///   - deadline: when nobody waits for the image any more, if that may be earlier.
    ///   - isAbandoned: whether nobody waits any more, as soon as that is known.
    init(_ allowed: Duration, deadline: ContinuousClock.Instant? = nil, isAbandoned: (() -> Bool)? = nil) {
        self.allowed = allowed
        self.isAbandoned = isAbandoned
        let own = ContinuousClock.now + allowed
        end = deadline.map { min($0, own) } ?? own
    }

    func check() throws(ImageError) {
        if ContinuousClock.now > end || isAbandoned?() == true { throw .tooSlow(limit: allowed) }
    }

    /// The limit as the decoders in C look at it. It must outlive them.
    func forRows() -> rows_limit {
        let left = max(.zero, end - .now).components
        let nanoseconds = left.seconds * 1_000_000_000 + left.attoseconds / 1_000_000_000
        guard isAbandoned != nil else { return rows_limit_from_now(nanoseconds, nil, nil) }
        return rows_limit_from_now(nanoseconds, isAbandonedLimit, Unmanaged.passUnretained(self).toOpaque())
    }
}

/// Called from C.
private func isAbandonedLimit(_ context: UnsafeRawPointer?) -> Bool {
    guard let context else { return false }
    return Unmanaged<DecodeLimit>.fromOpaque(context).takeUnretainedValue().isAbandoned?() ?? false
}
