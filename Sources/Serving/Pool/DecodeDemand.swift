import Imaging

/// What decoding the images of a request will take, as their headers say, and which of them are heavy.
///
/// The first of them are decoded at once, by the lanes' decoders. What goes beyond the work that they do for a request, or for a client, or
/// holds more memory than every decoder may at the same time, is heavy: it goes through decoders of its own, so that nobody else's images
/// wait behind it.
struct DecodeDemand {
    /// Of each input; nil for a tensor, and for an image that its header alone is refused for.
    private(set) var costs: [DecodeCost?] = []
    private(set) var isHeavy: [Bool] = []
    private(set) var ordinary = Duration.zero
    private(set) var heavy = Duration.zero
    /// The ordinary image that takes longest.
    private(set) var longest = Duration.zero

    var total: Duration { ordinary + heavy }
    var heavyImages: Int { isHeavy.count(where: \.self) }

    /// - Parameter allowance: what ordinary decoders still do for the client.
    init(_ costs: [DecodeCost?], allowance: Duration, _ options: EnginePool.Options) {
        self.costs = costs
        let limit = min(allowance, options.ordinaryDecode)
        for cost in costs {
            // What is too large for all decoders together is refused when its turn comes, which takes no time.
            guard let cost, cost.memory <= options.heavyMemory else {
                isHeavy.append(false)
                continue
            }
            if ordinary + cost.duration > limit || cost.memory > options.ordinaryMemory {
                isHeavy.append(true)
                heavy += cost.duration
            } else {
                isHeavy.append(false)
                ordinary += cost.duration
                longest = max(longest, cost.duration)
            }
        }
    }
}

extension InferenceRequest.Input {
    /// What the header says that decoding will take; nil for a tensor, and where the header is refused: the decoder will say why.
    func decodeCost(_ decoder: ImageDecoder) -> DecodeCost? {
        guard case .image(let image) = self else { return nil }
        return image.withBytes { try? decoder.inspect($0).cost }
    }
}

extension EnginePool.Options {
    /// Decoding of a request's images that the lanes' decoders do: a photograph of 40 megapixels, a hundred of usual ones.
    var ordinaryDecode: Duration { .milliseconds(300) }
    /// The same for all of a client's requests in flight: half a second of all decoders.
    var ordinaryDecodePerClient: Duration { .milliseconds(500) * (sessions * threadsPerSession) }
    /// A quarter of the memory is kept for ordinary images: shared among all decoders, those that were left behind included, which are as many
    /// again. So they never wait for it.
    var ordinaryMemory: Int { decodeMemory / 4 / (2 * sessions * threadsPerSession) }
    var heavyMemory: Int { decodeMemory - decodeMemory / 4 }
    /// Half of the threads, so that others' images have the rest.
    var heavyDecoders: Int { max(1, threads / 2) }
}
