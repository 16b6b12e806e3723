import Imaging

/// An image as it was sent: its bytes can be looked at from any thread.
public protocol EncodedImage: Sendable {
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result
}

extension Array: EncodedImage where Element == UInt8 {
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result { try withUnsafeBytes(body) }
}

/// Images to be classified, which are accepted or refused together.
public struct ClassificationRequest: Sendable {
    public var images: [any EncodedImage]
    public var model: Model
    /// How many classes the answer names.
    public var top: Int
    /// Whether the answer holds the gates of the network's blocks.
    public var wantsGates = false
    /// When nobody waits for the answer any more.
    public var deadline: ContinuousClock.Instant?
    /// Who asks: an address, say. Requests in flight are counted by it where they are limited.
    public var client: String
    /// Whether nobody waits for the answer any more. Asked before an image is decoded, from any thread; it has to be cheap.
    public var clientHasLeft: @Sendable () -> Bool

    public init(
        images: [any EncodedImage], model: Model, top: Int = 5, deadline: ContinuousClock.Instant? = nil, client: String = "",
        clientHasLeft: @escaping @Sendable () -> Bool = { false }
    ) {
        self.images = images
        self.model = model
        self.top = top
        self.deadline = deadline
        self.client = client
        self.clientHasLeft = clientHasLeft
    }

    public init(
        image: any EncodedImage, model: Model, top: Int = 5, deadline: ContinuousClock.Instant? = nil, wantsGates: Bool = false
    ) {
        self.init(images: [image], model: model, top: top, deadline: deadline)
        self.wantsGates = wantsGates
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
    /// Where they were asked for, in the network's order.
    public var gates: [GateValues]?
}

/// Why there is no answer.
public enum ClassificationError: Error, Sendable, Equatable {
    /// The image's fault.
    case image(ImageError)
    /// Refused at once: as many images wait as may. The duration is how long they will take.
    case overloaded(retryAfter: Duration)
    /// Refused at once: the answer would come after the deadline. The duration is how long the deadline would have to be in the future.
    case deadlineTooSoon(retryAfter: Duration)
    /// Refused at once: this client has as many requests in flight as it may.
    case tooManyFromClient(retryAfter: Duration)
    /// Accepted, but the deadline passed before its turn came.
    case deadlinePassed
    /// Accepted, but the client left before its turn came.
    case clientLeft
    /// Not ready yet, or draining.
    case unavailable
}
