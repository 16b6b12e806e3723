import Foundation
import SENet
import Testing

@testable import ModelImport

/// Files made by make_imports.py: NAME.caffemodel or NAME.pth, and what it computes in NAME.json.
enum ImportFixtures {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

    static func path(_ name: String) -> String { folder.appending(path: name).path }

    static func names(endingIn ending: String, where wanted: (String) -> Bool = { _ in true }) -> [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(ending) && wanted($0) }.sorted()
    }

    static func golden(_ name: String) throws -> Golden {
        try Golden(folder.appending(path: "\(name).json"))
    }
}

extension ImportedModel {
    /// Writes the model's folder, loads it as `excite serve` does, and compares the logits for the input by formula.
    func check(_ golden: Golden, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let folder = try TemporaryFolder()
        var settings = ImportSettings(evaluation: Configuration.Evaluation())
        if let inputSize { (settings.evaluation.height, settings.evaluation.width) = inputSize }
        if network.inputChannels != 3 { (settings.evaluation.mean, settings.evaluation.standardDeviation) = ([0.5], [0.5]) }
        try write(to: folder.path("model"), settings) { _, _ in }
        let source = try ModelSource(folder: folder.path("model"))
        let (height, width) = (golden.inputShape[2], golden.inputShape[3])
        Engine.prepareProcess()
        for onlyGemm in [true, false] {
            Engine.prepareProcess()
            let plan = try source.plan(height: height, width: width, onlyGemm: onlyGemm)
            let logits = try plan.logits()
            let tolerance = golden.tolerance(isWinograd: plan.summaries.contains { $0.algorithm.hasPrefix("winograd") })
            let error = zip(logits, golden.logits[0]).map { abs(Double($0) - $1) }.max() ?? .infinity
            #expect(logits.count == golden.logits[0].count && error <= tolerance, "off by \(error)", sourceLocation: sourceLocation)
            let best = logits.indices.sorted { logits[$0] > logits[$1] }.prefix(golden.top5[0].count)
            #expect(Array(best) == golden.top5[0], sourceLocation: sourceLocation)
        }
    }
}

/// The message of the error that reading must end in.
func failure(_ read: () throws -> some Any, sourceLocation: SourceLocation = #_sourceLocation) -> String {
    do {
        _ = try read()
    } catch let error as ModelError {
        return error.description
    } catch {
        Issue.record("another error: \(error)", sourceLocation: sourceLocation)
        return ""
    }
    Issue.record("it was accepted", sourceLocation: sourceLocation)
    return ""
}
