/// An image as it was sent: its bytes can be looked at from any thread.
public protocol EncodedImage: Sendable {
    func withBytes<Output>(_ body: (UnsafeRawBufferPointer) throws -> Output) rethrows -> Output
}

extension Array: EncodedImage where Element == UInt8 {
    public func withBytes<Output>(_ body: (UnsafeRawBufferPointer) throws -> Output) rethrows -> Output { try withUnsafeBytes(body) }
}

/// A tensor as it was sent: float32, little-endian as every machine here is, aligned or not, which can be looked at from any thread.
public protocol EncodedTensor: Sendable {
    func withBytes<Output>(_ body: (UnsafeRawBufferPointer) throws -> Output) rethrows -> Output
}

extension EncodedTensor {
    /// How many numbers it has.
    public var valueCount: Int { withBytes { $0.count } / MemoryLayout<Float>.size }
}

extension Array: EncodedTensor where Element == Float {
    public func withBytes<Output>(_ body: (UnsafeRawBufferPointer) throws -> Output) rethrows -> Output { try withUnsafeBytes(body) }
}

/// Which class a class map is of.
public enum MappedClass: Sendable, Hashable {
    /// The most probable.
    case best
    /// By its place among the logits.
    case index(Int)
}

/// Inputs for one model, which are accepted or refused together.
public struct InferenceRequest: Sendable {
    public enum Input: Sendable {
        /// A file, to be decoded, resized and cropped as the model was evaluated.
        case image(any EncodedImage)
        /// What the network takes: (3, height, width), row-major, normalised. One of another count, or with values that are no numbers, gets
        /// an error of its own.
        case tensor(any EncodedTensor)
    }

    public var inputs: [Input]
    public var model: Model
    /// Whether the answer holds the gates of the network's blocks.
    public var wantsGates: Bool
    /// Whether the answer holds the image's features; only a model whose plan has them gives any.
    public var wantsFeatures = false
    /// Whether the answer holds each image as the network saw it.
    public var wantsInput = false
    /// The class whose map the answer holds; only a model whose plan has class maps gives any.
    public var map: MappedClass?
    public var priority = Priority.normal
    /// When nobody waits for the answer any more.
    public var deadline: ContinuousClock.Instant?
    /// Who asks: an address, say. What it has in flight is held to one client's share; empty where there is but one.
    public var client: String
    /// Whether nobody waits for the answer any more. Asked before an image is decoded and now and then meanwhile, from any thread; it has to be
    /// cheap.
    public var clientHasLeft: @Sendable () -> Bool

    public init(
        inputs: [Input], model: Model, wantsGates: Bool = false, deadline: ContinuousClock.Instant? = nil, client: String = "",
        clientHasLeft: @escaping @Sendable () -> Bool = { false }
    ) {
        self.inputs = inputs
        self.model = model
        self.wantsGates = wantsGates
        self.deadline = deadline
        self.client = client
        self.clientHasLeft = clientHasLeft
    }

    /// One image.
    public init(image: any EncodedImage, model: Model, wantsGates: Bool = false, deadline: ContinuousClock.Instant? = nil) {
        self.init(inputs: [.image(image)], model: model, wantsGates: wantsGates, deadline: deadline)
    }
}
