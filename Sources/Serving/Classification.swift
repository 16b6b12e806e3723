import Imaging

/// An image as it was sent: its bytes can be looked at from any thread.
public protocol EncodedImage: Sendable {
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result
}

extension Array: EncodedImage where Element == UInt8 {
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result { try withUnsafeBytes(body) }
}

/// One image to be classified.
public struct ClassificationRequest: Sendable {
    public var image: any EncodedImage
    public var model: Model
    /// How many classes the answer names.
    public var top: Int
    /// When nobody waits for the answer any more.
    public var deadline: ContinuousClock.Instant?

    public init(image: any EncodedImage, model: Model, top: Int = 5, deadline: ContinuousClock.Instant? = nil) {
        self.image = image
        self.model = model
        self.top = top
        self.deadline = deadline
    }
}

/// The answer for one image.
public struct Classification: Sendable {
    /// Best first.
    public var predictions: [Prediction]
    public var image: ImageDescription
    /// From the start of decoding to the finished crop.
    public var decode: Duration
    /// Waiting: for a decoder and for a session.
    public var queue: Duration
    /// The batch's run.
    public var inference: Duration
    public var batchSize: Int
}

/// Why there is no answer.
public enum ClassificationError: Error, Sendable, Equatable {
    /// The image's fault.
    case image(ImageError)
    /// Refused at once: as many images wait as may. The duration is how long they will take.
    case overloaded(retryAfter: Duration)
    /// Accepted, but the deadline passed before its turn came.
    case deadlinePassed
    /// Not ready yet, or draining.
    case unavailable
}
