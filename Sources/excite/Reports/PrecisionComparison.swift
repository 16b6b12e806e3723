import FoundationEssentials
import SENet
import Serving

/// A network's answers in int8 held against float32's, on images that the scales were not found with.
struct PrecisionComparison {
    private(set) var images = 0
    private var sameFirst = 0
    private var sameFive = 0
    private var labelled = 0
    private var exactRight = (first: 0, five: 0)
    private var right = (first: 0, five: 0)
    let meter: NoiseMeter

    init(_ exact: Plan, _ plan: Plan, _ crops: Crops, threads: Int) throws {
        meter = NoiseMeter(plan)
        let sessions = (
            try Session(plan: exact, threads: threads, largestBatch: Crops.batch),
            try Session(plan: plan, threads: threads, largestBatch: Crops.batch)
        )
        var progress = ProgressBar("comparing", .images)
        defer { progress.finish() }
        crops.forEachBatch(of: crops.heldOut) { first, count in
            crops.fill(sessions.0, from: crops.heldOut, first, count)
            crops.fill(sessions.1, from: crops.heldOut, first, count)
            meter.measure(sessions.1, against: sessions.0, images: count)
            for index in 0..<count {
                add(Self.best(sessions.0.logits(index)), Self.best(sessions.1.logits(index)), target: crops.heldOut[first + index].target)
            }
            progress.update(first + count, of: crops.heldOut.count)
        }
    }

    private mutating func add(_ exact: [Int], _ found: [Int], target: Int?) {
        images += 1
        if exact.first == found.first { sameFirst += 1 }
        if Set(exact) == Set(found) { sameFive += 1 }
        guard let target else { return }
        labelled += 1
        exactRight = (exactRight.first + (exact.first == target ? 1 : 0), exactRight.five + (exact.contains(target) ? 1 : 0))
        right = (right.first + (found.first == target ? 1 : 0), right.five + (found.contains(target) ? 1 : 0))
    }

    private static func best(_ logits: UnsafeBufferPointer<Float>) -> [Int] {
        logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }.prefix(5).map { $0 }
    }

    func report(calibrationImages: Int) -> QuantizationReport {
        func share(_ count: Int, _ total: Int) -> Double { (Double(count) / Double(total)).rounded(decimals: 4) }
        var report = QuantizationReport(
            calibrationImages: calibrationImages, heldOutImages: images, firstLabelAgreement: share(sameFirst, images),
            fiveLabelsAgreement: share(sameFive, images))
        if labelled > 0 {
            (report.float32Top1, report.float32Top5) = (share(exactRight.first, labelled), share(exactRight.five, labelled))
            (report.int8Top1, report.int8Top5) = (share(right.first, labelled), share(right.five, labelled))
        }
        return report
    }
}

/// What `excite quantize` prints.
struct QuantizationText {
    let text: String

    init(_ model: QuantizedModel, _ comparison: PrecisionComparison, folder: String, destination: String, worst: Int) throws {
        let report = model.quantization.report ?? comparison.report(calibrationImages: 0)
        func percent(_ share: Double?) -> String { "\(((share ?? 0) * 100).formatted(decimals: 1)) %" }
        var lines = [
            "\(report.calibrationImages) images to find the scales with, \(report.heldOutImages) kept aside; on those:",
            "  first label as in float32      \(percent(report.firstLabelAgreement))",
            "  the same five labels           \(percent(report.fiveLabelsAgreement))",
        ]
        if report.float32Top1 != nil {
            lines.append("  top-1, float32 → int8          \(percent(report.float32Top1)) → \(percent(report.int8Top1))")
            lines.append("  top-5, float32 → int8          \(percent(report.float32Top5)) → \(percent(report.int8Top5))")
        }
        let float32 = model.layers.filter(\.isFloat32)
        lines.append(
            "convolutions in int8             \(model.layers.count - float32.count) of \(model.layers.count)"
                + (float32.isEmpty ? "" : "; in float32: \(float32.map(\.name).joined(separator: ", "))"))
        lines.append("size                             \(Self.size(folder)) → \(Self.size(destination))")
        if worst > 0 {
            var table = TextTable(columns: [.left("layer"), .right("own signal to noise"), .left("computed in")])
            for layer in model.layers.sorted(by: { ($0.signalToNoise, $0.name) < ($1.signalToNoise, $1.name) }).prefix(worst) {
                let decibels = layer.signalToNoise.isFinite ? "\(layer.signalToNoise.formatted(decimals: 1)) dB" : ""
                table.rows.append([layer.name, decibels, layer.isFloat32 ? "f32" : "int8"])
            }
            lines += ["", table.text, ""]
            table = TextTable(columns: [.left("image"), .right("signal to noise so far")])
            for (name, decibels) in comparison.meter.signalToNoise.sorted(by: { ($0.decibels, $0.name) < ($1.decibels, $1.name) }).prefix(
                worst)
            {
                table.rows.append([name, "\(decibels.formatted(decimals: 1)) dB"])
            }
            lines += [table.text, ""]
        }
        text = lines.joined(separator: "\n")
    }

    private static func size(_ folder: String) -> String {
        let path = "\(folder)/model.safetensors"
        return ((try? InputFile(path: path))?.count ?? 0).mebibytes
    }
}
