import Foundation
import SENet

/// What Caffe's arithmetic or PyTorch computes for one network, weights and input by formula.
struct Golden: Decodable {
    var inputShape: [Int]
    var float32Error: Double
    var maxAbs: Double
    var top5: [[Int]]
    var logits: [[Double]]

    init(_ file: URL) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(Self.self, from: Data(contentsOf: file))
    }

    /// Largest error that counts as equal.
    func tolerance(isWinograd: Bool) -> Double {
        isWinograd ? max(2e-4 * maxAbs, 20 * float32Error) : max(1e-5 * maxAbs, 4 * float32Error)
    }
}

/// A folder that is removed at the end of the test.
final class TemporaryFolder {
    let url = FileManager.default.temporaryDirectory.appending(path: "excite-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }

    func path(_ name: String) -> String { url.appending(path: name).path }
}

extension Plan {
    /// The logits for the image by formula.
    func logits() throws -> [Float] {
        let session = try Session(plan: self, threads: 2, largestBatch: 1)
        let image = WeightFormula.input(count: inputShape.count)
        _ = session.input(0).update(from: image)
        session.run(images: 1)
        return Array(session.logits(0))
    }
}
