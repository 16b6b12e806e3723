import Foundation
import Testing

@testable import SENet

@Suite("Quantised networks", .serialized)
struct QuantizationTests {
    /// Other networks are drawn with EXCITE_FIRST_SEED in the environment.
    static let seeds = DrawnNetworkTests.seeds

    /// They answer with the same bits on every instruction set, thread count and batch. What rounding does to a network depends on it: some
    /// that chance draws take differences of nearly equal numbers, or saturate. A value with a wrong scale, zero or place shows in far more.
    @Test("drawn at random answer with the same bits however they are run, and most of them are near to float32's")
    func drawn() throws {
        var decibels: [Double] = []
        for seed in Self.seeds {
            guard let (drawn, source, quantized, folder) = try draw(seed) else { continue }
            defer { withExtendedLifetime(folder) {} }
            let size = (drawn.height, drawn.width)
            var answers: [[[Float]]] = []
            for name in Kernels.available {
                let plan = try quantized.plan(height: size.0, width: size.1, kernels: .prepared(name), threads: 2)
                #expect(plan.precision == .int8)
                // A convolution that stays float32 is contracted where the instruction set can.
                let isWhole = plan.summaries.allSatisfy { !$0.kind.hasPrefix("convolution") || $0.precision == .int8 }
                let logits = try plan.logits(drawn.inputs)
                if isWhole || answers.isEmpty { answers.append(logits) }
                let alone = try drawn.inputs.map { try plan.logits([$0], threads: 1)[0] }
                #expect(alone == logits, "\(name), alone and in a batch, in \(drawn.text)")
            }
            for answer in answers.dropFirst() { #expect(answer == answers[0], "\(drawn.text)") }
            let exact = try source.plan(height: size.0, width: size.1, kernels: .prepared(), threads: 2).logits(drawn.inputs)
            guard exact.joined().contains(where: { $0 != 0 && $0.isFinite }) else { continue }
            decibels.append(signalToNoise(answers[0], exact))
        }
        decibels.sort()
        #expect(decibels.count >= Self.seeds.count * 95 / 100)
        let (low, median) = (decibels[decibels.count / 20], decibels[decibels.count / 2])
        #expect(low > 8 && median > 25, "of 20 networks one is below \(low) dB, half are below \(median) dB")
    }

    /// A network, and the same quantised on its own images; nil where it does not fit the sizes that configurations may have.
    private func draw(_ seed: Int) throws -> (DrawnNetwork, ModelSource, ModelSource, TemporaryFolder)? {
        let drawn = DrawnNetwork(seed: seed)
        guard let configuration = try? drawn.configuration else { return nil }
        let source = ModelSource(configuration: configuration)
        let folder = try TemporaryFolder()
        let path = folder.path("int8")
        try Quantizer.quantized(source, on: drawn.inputs, height: drawn.height, width: drawn.width).write(to: path)
        return (drawn, source, try ModelSource(folder: path), folder)
    }

    @Test("have rows of weights whose sums are what they were, but for one rounding")
    func sums() {
        let weights = WeightFormula.uniform(name: "row", count: 1000).map { Float(2 * $0 - 1) }
        var feedback = ErrorFeedback()
        let rounded = weights.map { feedback.round($0, limit: .infinity) { $0.roundedToBFloat16 } }
        #expect(rounded.allSatisfy { $0.bitPattern & 0xffff == 0 })
        for stretch in [0..<1000, 7..<16, 500..<900] {
            let difference = zip(weights[stretch], rounded[stretch]).reduce(0.0) { $0 + Double($1.1) - Double($1.0) }
            // Half a unit in the last place of numbers below 2, at both ends.
            #expect(abs(difference) <= 0x1p-7, "\(stretch)")
            let plain = weights[stretch].reduce(0.0) { $0 + Double($1.roundedToBFloat16) - Double($1) }
            if stretch.count == 1000 { #expect(abs(difference) < abs(plain) / 4) }
        }
        let behind = [Float.infinity, 1, -1].map { feedback.round($0, limit: 1) { $0.roundedToBFloat16 } }
        #expect(behind[1...] == [1, -1], "an infinite weight hands nothing on")
    }

    @Test("have the same bytes when they are made of the same images")
    func deterministic() throws {
        let source = ModelSource(configuration: try .small())
        let folder = try TemporaryFolder()
        let images = formulaImages(6, channels: 3, height: 64, width: 64)
        for name in ["a", "b"] { try Quantizer.quantized(source, on: images, threads: name == "a" ? 1 : 2).write(to: folder.path(name)) }
        for file in ["config.json", "model.safetensors"] {
            let contents = ["a", "b"].map { FileManager.default.contents(atPath: folder.path("\($0)/\(file)")) }
            #expect(contents[0] != nil && contents[0] == contents[1], "\(file)")
        }
    }

    @Test("keep the convolutions in float32 that are asked for")
    func kept() throws {
        let source = ModelSource(configuration: try .small())
        let images = formulaImages(4, channels: 3, height: 64, width: 64)
        let quantizer = try Quantizer.calibrated(source, on: images)
        let names = try quantizer.quantize().layers.map(\.name)
        let model = try quantizer.quantize(keep: [names[1]], floatLayers: 2)
        #expect(model.layers.filter(\.isFloat32).count == 3 && model.layers[1].isFloat32)
        let folder = try TemporaryFolder()
        try model.write(to: folder.path("int8"))
        let plan = try ModelSource(folder: folder.path("int8")).plan(kernels: .prepared())
        let kept = plan.summaries.filter { $0.kind.hasPrefix("convolution") && $0.precision == .float32 }
        #expect(Set(kept.map(\.name)) == Set(model.layers.filter(\.isFloat32).map(\.name)))
        let exact = try source.plan(kernels: .prepared()).logits(images)
        #expect(signalToNoise(try plan.logits(images), exact) > 15)
        let message = #expect(throws: ModelError.self) { try quantizer.quantize(keep: ["none"]) }?.description
        #expect(message == "no convolution of \(source.configuration.fullName) is named 'none': see excite inspect --plan")
    }

    @Test("whose codes are wrong are refused by the value's name")
    func wrongCodes() throws {
        let source = ModelSource(configuration: try .small())
        let images = formulaImages(2, channels: 3, height: 64, width: 64)
        let folder = try TemporaryFolder()
        let model = try Quantizer.quantized(source, on: images)
        let name = try #require(model.quantization.values.keys.filter { $0 != Network.input }.min())
        func refusal(_ change: (inout Quantization) -> Void) throws -> String? {
            var changed = model
            change(&changed.quantization)
            let path = folder.path(UUID().uuidString)
            try changed.write(to: path)
            return #expect(throws: ModelError.self) { try ModelSource(folder: path).plan(kernels: .prepared()) }?.description
        }
        for scale: [Float] in [[0], [-1], [1e30], [], [1, 2], [1, 2, 3]] {
            let message = try refusal { $0.values[name]?.scale = scale }
            #expect(message?.contains("quantization.values.\(name): ") == true, "\(scale): \(message ?? "")")
        }
        for zero: [Float] in [[-1], [256], [0.5], [1, 2], []] {
            let message = try refusal { $0.values[name]?.zero = zero }
            #expect(message?.contains("quantization.values.\(name): ") == true, "\(zero): \(message ?? "")")
        }
        #expect(try refusal { $0.values[name] = nil }?.contains("quantization.values has no '\(name)'") == true)
        let text = { (code: String) in
            Data(#"{"architecture": "seresnet18", "quantization": {"precision": "int8", "values": {"x": \#(code)}}}"#.utf8)
        }
        for code in [#"{"zero": 0}"#, #"{"scale": NaN, "zero": 0}"#, #"{"scale": "1", "zero": 0}"#, #"{"scale": [1, null], "zero": 0}"#] {
            let message = #expect(throws: ModelError.self) { try Configuration(json: text(code)) }?.description
            #expect(message?.contains("quantization.values.x.scale") == true, "\(code): \(message ?? "")")
        }
        #expect(try Configuration(json: text(#"{"scale": 1e39, "zero": 0}"#)).quantization?.values["x"]?.scale == [.infinity])
        #expect(try refusal { $0.values["none"] = $0.values[name] }?.contains("quantization.values names 'none'") == true)
        #expect(try refusal { $0.float32 = ["none"] }?.contains("names 'none'") == true)
    }

    @Test("whose scales of weights are wrong, missing or of another type are refused by the tensor's name")
    func wrongScales() throws {
        let source = ModelSource(configuration: try .small())
        let folder = try TemporaryFolder()
        try Quantizer.quantized(source, on: formulaImages(2, channels: 3, height: 64, width: 64)).write(to: folder.path("int8"))
        let path = folder.path("int8/model.safetensors")
        let bytes = try #require(FileManager.default.contents(atPath: path))
        let tensor = try #require(try SafeTensors(path: path).tensors["conv1.weight_scale"])
        func refusal(_ bytes: Data) throws -> String? {
            try bytes.write(to: URL(filePath: path))
            return #expect(throws: ModelError.self) { try ModelSource(folder: folder.path("int8")).plan(kernels: .prepared()) }?.description
        }
        for scale: Float in [-1, .nan, .infinity, 1e30] {
            var changed = bytes
            withUnsafeBytes(of: scale) { changed.replaceSubrange(tensor.range.lowerBound..<tensor.range.lowerBound + 4, with: $0) }
            #expect(try refusal(changed)?.contains("'conv1.weight_scale'") == true, "\(scale)")
        }
        let header = String(decoding: bytes.prefix(tensor.range.lowerBound), as: UTF8.self)
        #expect(header.contains("conv1.weight_scale") && header.contains("I8"))
        for (found, other) in [("conv1.weight_scale", "conv1.weight_scald"), ("\"I8\"", "\"U8\"")] {
            let range = try #require(bytes.range(of: Data(found.utf8)))
            let changed = bytes.replacing(range, with: Data(other.utf8))
            #expect(try refusal(changed)?.contains("tensor '") == true, "\(other)")
        }
    }

    private func signalToNoise(_ found: [[Float]], _ exact: [[Float]]) -> Double {
        var (signal, noise) = (0.0, 1e-30)
        for (found, exact) in zip(found.joined(), exact.joined()) {
            signal += Double(exact) * Double(exact)
            noise += (Double(found) - Double(exact)) * (Double(found) - Double(exact))
        }
        return 10 * log10(signal / noise)
    }
}

extension DrawnNetwork {
    /// The network with an input whose mean and deviation keep the images within what 8 bits hold.
    fileprivate var configuration: Configuration {
        get throws {
            var evaluation = Configuration.Evaluation()
            (evaluation.height, evaluation.width) = (64, 64)
            evaluation.mean = [Double](repeating: 0.5, count: network.inputChannels)
            evaluation.standardDeviation = [Double](repeating: 0.25, count: network.inputChannels)
            return try Configuration(network: network, evaluation: evaluation)
        }
    }
}

extension Data {
    fileprivate func replacing(_ range: Range<Int>, with bytes: Data) -> Data {
        var copy = self
        copy.replaceSubrange(range, with: bytes)
        return copy
    }
}
