import FoundationEssentials

/// Published checkpoints: `models/catalogue.json`. What is not known is left out.
public struct Catalogue: Sendable, Decodable {
    public struct Entry: Sendable, Codable {
        /// `seresnet50.a1_in1k`.
        public var name: String
        public var architecture: String
        /// On the hub, with `config.json` and `model.safetensors`.
        public var repository: String?
        /// Of the repository's `model.safetensors`, in bytes.
        public var fileSize: Int?
        /// Of the repository's `model.safetensors`.
        public var sha256: String?
        /// The page of the authors, or of the code that the checkpoint belongs to.
        public var source: String?
        /// The checkpoint as it was first published.
        public var original: Original?
        public var license: String?
        public var classes: Int
        public var parameters: Int?
        /// (channels, height, width).
        public var inputSize: [Int]
        /// Where the authors recommend another size for evaluation than for training.
        public var testInputSize: [Int]?
        public var interpolation: String?
        public var cropFraction: Double
        public var testCropFraction: Double?
        public var cropMode: String?
        /// Published accuracy on ImageNet-1k's validation set, in the order of the input's size.
        public var results: [Result]?
    }

    public struct Original: Sendable, Codable {
        public var url: String?
        /// `pytorch` or `caffe`.
        public var format: String
        /// The first digits of the file's SHA-256.
        public var sha256Prefix: String?
        /// As published.
        public var size: String?
    }

    public struct Result: Sendable, Codable {
        /// The input's edge, in pixels.
        public var size: Int
        public var cropFraction: Double?
        /// Percent right.
        public var top1: Double
        public var top5: Double
        public var source: String
    }

    public var models: [Entry]

    /// Reads `catalogue.json`.
    ///
    /// - Throws: `HubError.file` if it cannot be read or is damaged.
    public init(path: String) throws(HubError) {
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            self = try decoder.decode(Catalogue.self, from: Data(contentsOf: URL(filePath: path)))
        } catch {
            throw .file("\(path): \(systemReason(error))")
        }
    }

    /// By its own name, or its repository's.
    public subscript(name: String) -> Entry? { models.first { $0.name == name || $0.repository == name } }
}
