import Foundation
import Testing

@testable import SENet

/// Reference data computed with timm, beside the repository; tests that need it are skipped where it is absent.
enum Shared {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../shared").standardizedFileURL
    static let isPresent = FileManager.default.fileExists(atPath: folder.appending(path: "golden/README.md").path)
    static let comment: Comment = "needs the reference data in ../shared, which is absent"
}

/// Files committed with the tests.
enum Fixtures {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
}

/// Logits of timm for one network, weights by formula.
struct Golden: Decodable {
    var inputShape: [Int]
    var float32Error: Double
    var maxAbs: Double
    var top5: [[Int]]
    var logits: [[Double]]

    /// Largest error that counts as equal: see ../shared/golden/README.md.
    func tolerance(isWinograd: Bool) -> Double {
        isWinograd ? max(2e-4 * maxAbs, 20 * float32Error) : max(1e-5 * maxAbs, 4 * float32Error)
    }
}

extension JSONDecoder {
    static var snakeCase: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }
}

/// A golden file, its network and its configuration.
struct GoldenCase: CustomTestStringConvertible, Sendable {
    var name: String
    var data: Data
    var testDescription: String { name }

    static func all(in folder: URL) -> [GoldenCase] {
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }.compactMap { file in
            let name = file.deletingPathExtension().lastPathComponent
            return (try? Data(contentsOf: file)).map { GoldenCase(name: name, data: $0) }
        }
    }

    var golden: Golden { get throws { try JSONDecoder.snakeCase.decode(Golden.self, from: data) } }

    /// The `config.json` inside the golden file.
    var configuration: Configuration {
        get throws {
            let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            return try Configuration(json: try JSONSerialization.data(withJSONObject: try #require(object["config"])))
        }
    }
}

/// A folder that is removed at the end of the test.
final class TemporaryFolder {
    let url = FileManager.default.temporaryDirectory.appending(path: "excite-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }

    func path(_ name: String) -> String { url.appending(path: name).path }
}

/// A safetensors file in the making: right, until a test breaks it.
struct SafeTensorsFile {
    var tensors: [(name: String, type: String, shape: [Int], bytes: Data)] = []

    /// All tensors of a network, by formula.
    init(_ network: Network) {
        for parameter in network.parameters {
            add(parameter.name, shape: parameter.shape, floats: WeightFormula.values(parameter))
        }
    }

    mutating func add(_ name: String, shape: [Int], floats: [Float]) {
        tensors.append((name, "F32", shape, floats.withUnsafeBytes { Data($0) }))
    }

    /// The header's entries, with the offsets of the tensors in order.
    var header: [String: [String: Any]] {
        var offset = 0
        var header: [String: [String: Any]] = [:]
        for tensor in tensors {
            header[tensor.name] = ["dtype": tensor.type, "shape": tensor.shape, "data_offsets": [offset, offset + tensor.bytes.count]]
            offset += tensor.bytes.count
        }
        return header
    }

    var body: Data { tensors.reduce(into: Data()) { $0.append($1.bytes) } }

    static func data(header: Data, body: Data) -> Data {
        withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) } + header + body
    }

    func data(changing change: (inout [String: [String: Any]]) -> Void = { _ in }) throws -> Data {
        var header = header
        change(&header)
        return Self.data(header: try JSONSerialization.data(withJSONObject: header), body: body)
    }
}

extension Configuration {
    /// A network small enough to be run many times in a test.
    static func small(_ architecture: String = "seresnet18") throws -> Configuration {
        try Configuration(
            json: Data(
                """
                {"architecture": "\(architecture)", "num_classes": 10, "model_args": {"layers": [1, 1, 1, 1], "channels": [16, 32, 48, 64]},
                 "pretrained_cfg": {"input_size": [3, 64, 64]}}
                """.utf8))
    }
}

extension Configuration {
    /// The architecture of a configuration that has one.
    var architecture: Architecture {
        get { if case .architecture(let architecture) = structure { architecture } else { Architecture(layers: []) } }
        set { structure = .architecture(newValue) }
    }
}

extension Kernels {
    /// The named ones, or the fastest, in a process that is ready for them.
    static func prepared(_ name: String? = nil) throws -> Kernels {
        Engine.prepareProcess()
        return try Kernels(name)
    }
}

extension Plan {
    /// A plan with weights by formula.
    static func byFormula(
        _ configuration: Configuration, height: Int, width: Int, kernels: Kernels? = nil, precision: Precision = .float32,
        onlyGemm: Bool = false, threads: Int = 2
    ) throws -> Plan {
        try Plan(
            network: configuration.network, checkpoint: .madeUp, height: height, width: width, kernels: try kernels ?? .prepared(),
            precision: precision, threads: threads, onlyGemm: onlyGemm)
    }

    /// Logits of a batch, each image (channels, height, width) row-major.
    func logits(_ images: [[Float]], threads: Int = 2, largestBatch: Int? = nil) throws -> [[Float]] {
        let session = try Session(plan: self, threads: threads, largestBatch: largestBatch ?? images.count)
        return session.logits(of: images)
    }
}

extension Session {
    func logits(of images: [[Float]]) -> [[Float]] {
        for (index, image) in images.enumerated() { _ = input(index).update(from: image) }
        run(images: images.count)
        return images.indices.map { Array(logits($0)) }
    }
}

extension Quantizer {
    /// That has seen the images in both passes.
    static func calibrated(
        _ source: ModelSource, on images: [[Float]], height: Int = 64, width: Int = 64, threads: Int = 2, covarianceBytes: Int? = nil
    ) throws -> Quantizer {
        Engine.prepareProcess()
        let quantizer = try Quantizer(source, height: height, width: width, threads: threads)
        if let covarianceBytes { quantizer.covarianceBytes = covarianceBytes }
        let session = try Session(plan: quantizer.plan, threads: threads, largestBatch: images.count)
        for pass in 0..<Quantizer.passes {
            for (index, image) in images.enumerated() { _ = session.input(index).update(from: image) }
            quantizer.observe(session, images: images.count, pass: pass)
            if pass == 0 { quantizer.finishFirstPass() }
        }
        return quantizer
    }

    static func quantized(
        _ source: ModelSource, on images: [[Float]], height: Int = 64, width: Int = 64, threads: Int = 2
    ) throws -> QuantizedModel {
        try calibrated(source, on: images, height: height, width: width, threads: threads).quantize()
    }
}

/// The images of the golden input: (N, 3, H, W) by formula.
func formulaImages(_ count: Int, channels: Int = 3, height: Int, width: Int) -> [[Float]] {
    let all = WeightFormula.input(count: count * channels * height * width)
    let size = channels * height * width
    return (0..<count).map { Array(all[$0 * size..<($0 + 1) * size]) }
}

/// Images of noise that no other test has: (3, H, W), as the golden input's.
func noiseImages(_ count: Int, name: String, height: Int, width: Int) -> [[Float]] {
    (0..<count).map { index in
        WeightFormula.uniform(name: "\(name) \(index)", count: 3 * height * width).map { Float((2 * $0 - 1) * 2) }
    }
}

/// In decibels: what the reference varies by around its mean, against the difference. Infinite where there is none.
func signalToNoise(_ found: [Double], _ reference: [Double]) -> Double {
    let mean = reference.reduce(0, +) / Double(reference.count)
    let signal = reference.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let noise = zip(found, reference).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return noise > 0 ? 10 * log10(signal / noise) : .infinity
}
