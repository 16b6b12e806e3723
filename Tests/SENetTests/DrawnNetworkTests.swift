import Foundation
import Testing

@testable import SENet

@Suite("Networks drawn at random", .serialized)
struct DrawnNetworkTests {
    static let seeds = 1...300

    @Test("are planned as they are written, on every instruction set and by the general path", arguments: seeds)
    func logits(_ seed: Int) throws {
        let drawn = DrawnNetwork(seed: seed)
        let (network, height, width) = (drawn.network, drawn.height, drawn.width)
        let images = formulaImages(drawn.images, channels: network.inputChannels, height: height, width: width)
        let reference = try images.map { try Interpreter<Double>.logits(of: network, $0, height: height, width: width) }
        let plain = try images.map { try Interpreter<Float>.logits(of: network, $0, height: height, width: width) }
        for (kernels, onlyGemm) in try Kernels.available.map({ (try Kernels($0), false) }) + [(try Kernels(), true)] {
            let plan = try Plan(
                network: network, checkpoint: .madeUp, height: height, width: width, kernels: kernels, threads: 2, onlyGemm: onlyGemm)
            let isWinograd = plan.summaries.contains { $0.algorithm.hasPrefix("winograd") }
            for (image, logits) in try plan.logits(images).enumerated() {
                let golden = Golden(
                    inputShape: [], float32Error: error(plain[image], reference[image]), maxAbs: reference[image].map(abs).max() ?? 0,
                    top5: [], logits: [])
                let (found, allowed) = (error(logits.map { Double($0) }, reference[image]), golden.tolerance(isWinograd: isWinograd))
                #expect(
                    found <= allowed,
                    "\(plan.instructionSet)\(onlyGemm ? ", general" : ""), image \(image): off by \(found), allowed \(allowed), in \(drawn.text)"
                )
            }
        }
    }

    /// The largest difference; infinite if the counts differ or something is no number.
    private func error(_ found: [Double], _ wanted: [Double]) -> Double {
        guard found.count == wanted.count else { return .infinity }
        return zip(found, wanted).map { abs($0 - $1) }.reduce(0) { $1.isNaN ? .infinity : max($0, $1) }
    }
}

extension DrawnNetwork {
    /// The operations, for a failure's report.
    var text: String {
        "\(network.name), \(height)×\(width): "
            + network.operations.map { "\($0.name) = \($0.kind)(\($0.inputs.joined(separator: ", ")))" }.joined(separator: "; ")
    }
}
