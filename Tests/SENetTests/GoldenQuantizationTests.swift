import Foundation
import Testing

@testable import SENet

/// Made-up weights and images of noise: far from what networks are trained to do, and the same for every architecture.
@Suite("Published networks in 8 bits", .serialized, .enabled(if: Shared.isPresent, Shared.comment))
struct GoldenQuantizationTests {
    private static let cases = ["logits", "variants"].flatMap { GoldenCase.all(in: Shared.folder.appending(path: "golden/\($0)")) }

    /// Deep networks with such weights make much of small differences: SENet-154 keeps 88 % of its first classes in 8 bits, 94 % in bfloat16,
    /// and no more with four of five convolutions in float32.
    @Test("keep the first class where float32 is sure of it, and are off by no more than their float32's error lets expect")
    func firstClasses() throws {
        var (sure, kept) = (0, 0)
        for test in Self.cases {
            let counts = try firstClasses(test)
            sure += counts.sure
            kept += counts.kept
        }
        print("int8: first class kept \(kept) of \(sure)")
        #expect(sure > 300 && Double(kept) > 0.97 * Double(sure), "kept \(kept) of \(sure)")
    }

    private func firstClasses(_ test: GoldenCase) throws -> (sure: Int, kept: Int) {
        let golden = try test.golden
        let (height, width) = (golden.inputShape[2], golden.inputShape[3])
        let source = ModelSource(configuration: try test.configuration)
        let folder = try TemporaryFolder()
        let calibration = noiseImages(8, name: "calibration", height: height, width: width)
        // Of eight images of noise nothing is learnt that is worth the minutes that it takes for so many large networks.
        let model = try Quantizer.calibrated(source, on: calibration, height: height, width: width, threads: 1, covarianceBytes: 0)
            .quantize()
        try model.write(to: folder.path("int8"))
        let quantized = try ModelSource(folder: folder.path("int8")).plan(height: height, width: width, kernels: .prepared(), threads: 1)
        let images = noiseImages(24, name: "test", height: height, width: width)
        let exact = try source.plan(height: height, width: width, kernels: .prepared(), threads: 1).logits(images, threads: 1)
        let found = try quantized.logits(images, threads: 1)
        var (sure, kept, squares) = (0, 0, 0.0)
        for (exact, found) in zip(exact, found) {
            squares += zip(exact, found).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
            let ranked = exact.indices.sorted { exact[$0] > exact[$1] }
            guard exact[ranked[0]] - exact[ranked[1]] > 0.05 * (exact.map(abs).max() ?? 0) else { continue }
            sure += 1
            if found.indices.max(by: { found[$0] < found[$1] }) == ranked[0] { kept += 1 }
        }
        let noise = (squares / Double(exact.joined().count)).squareRoot()
        // As in bfloat16, which has as many bits of each number.
        let allowed = 0.5 * 65536 * golden.float32Error
        #expect(noise <= allowed, "\(test.name): off by \(noise), allowed \(allowed)")
        let decibels = signalToNoise(found.joined().map { Double($0) }, exact.joined().map { Double($0) })
        print(
            "int8, \(test.name): signal to noise \(Int(decibels.rounded())) dB, \((noise / allowed * 100).rounded()) % of what is allowed,",
            "first class kept \(kept) of \(sure), \(model.layers.count { $0.isFloat32 }) of \(model.layers.count) convolutions in float32")
        return (sure, kept)
    }
}
