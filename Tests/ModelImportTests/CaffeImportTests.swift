import Foundation
import SENet
import Testing

@testable import ModelImport

@Suite("A Caffe model")
struct CaffeImportTests {
    private func read(_ name: String, prototxt: String? = nil) throws -> ImportedModel {
        try Importer(prototxt: prototxt).read(ImportFixtures.path(name))
    }

    /// Reads the caffemodel `residual` with another description.
    private func read(prototxt text: String) throws -> ImportedModel {
        let folder = try TemporaryFolder()
        try text.write(toFile: folder.path("net.prototxt"), atomically: true, encoding: .utf8)
        return try read("residual.caffemodel", prototxt: folder.path("net.prototxt"))
    }

    @Test("gives Caffe's logits", arguments: ["residual", "inception"])
    func logits(name: String) throws {
        let model = try read("\(name).caffemodel")
        #expect(model.isCaffe)
        #expect(model.inputSize.map { [$0.height, $0.width] } == [45, 45])
        try model.check(ImportFixtures.golden(name))
    }

    @Test("with a description beside it is read by that: Eltwise, Scale and Split do what Axpy does")
    func prototxt() throws {
        let model = try read("residual.caffemodel", prototxt: ImportFixtures.path("eltwise.prototxt"))
        try model.check(ImportFixtures.golden("residual"))
        #expect(model.findings.contains { $0.contains("eltwise.prototxt") })
    }

    @Test("has its gates recognised, and its batch norms made whole")
    func gates() throws {
        let kinds = try read("residual.caffemodel").network.operations.map(\.kind)
        #expect(kinds.filter { $0 == .gate(Gate(channels: 20, hidden: 4)) }.count == 1)
        #expect(kinds.filter { if case .gate = $0 { true } else { false } }.count == 2)
        #expect(kinds.filter { $0 == .globalPooling(.average) }.count == 1)
        #expect(kinds.allSatisfy { if case .batchNorm(let norm) = $0 { norm.epsilon == 1e-5 } else { true } })
    }

    @Test("with a layer that is not known is refused by the layer's name and type")
    func unknown() throws {
        let text = try String(contentsOfFile: ImportFixtures.path("eltwise.prototxt"), encoding: .utf8)
        let message = failure { try read(prototxt: text.replacing("type: \"Sigmoid\"", with: "type: \"PReLU\"")) }
        #expect(message.contains("layer 'conv2_1_prob' (PReLU)"))
    }

    @Test(
        "with a parameter that is not supported, or cannot be, says which",
        arguments: [
            ("kernel_size: 7", "kernel_h: 7 kernel_w: 5", "different kernel_size for height and width"),
            ("kernel_size: 7", "kernel_size: 7 dilation: 2", "dilated"),
            ("kernel_size: 7", "", "kernel_size 0"),
            ("num_output: 12", "num_output: 99999999999", "num_output 99999999999"),
            ("num_output: 12", "num_output: 16", "blob 0"),
            ("stride: 2", "stride: 0", "stride 0"),
            ("group: 2", "group: 3", "do not divide into 3 groups"),
            ("pool: AVE", "pool: STOCHASTIC", "STOCHASTIC"),
            ("operation: SUM", "operation: PROD", "does not add"),
            ("bottom: \"data\"", "bottom: \"date\"", "'date', which no layer before it makes"),
            ("dim: 45", "dim: 450000", "unusable shape"),
            ("type: \"ReLU\"", "type: \"ReLU\" relu_param { negative_slope: 0.1 }", "negative slope"),
        ])
    func parameters(_ old: String, _ new: String, _ expected: String) throws {
        let text = try String(contentsOfFile: ImportFixtures.path("eltwise.prototxt"), encoding: .utf8)
        let message = failure { try read(prototxt: text.replacing(old, with: new)) }
        #expect(message.contains(expected), "\(message)")
    }

    @Test(
        "with a malformed description says in which line",
        arguments: [
            ("layer {\n name: }", "line 2"), ("layer { name: \"x", "line 1"), ("}", "line 1"),
            (String(repeating: "a {", count: 99), "deep"),
        ])
    func malformed(_ text: String, _ expected: String) throws {
        #expect(failure { try read(prototxt: text) }.contains(expected))
    }

    @Test("cut off anywhere is refused", arguments: ["residual", "inception"])
    func cut(name: String) throws {
        let bytes = try Data(contentsOf: URL(filePath: ImportFixtures.path("\(name).caffemodel")))
        let folder = try TemporaryFolder()
        for count in Array(0..<200) + Array(stride(from: 200, to: bytes.count, by: 997)) + [bytes.count - 1] {
            try bytes.prefix(count).write(to: URL(filePath: folder.path("cut.caffemodel")))
            #expect(!failure { try Importer().read(folder.path("cut.caffemodel")) }.isEmpty)
        }
    }

    @Test("with bytes changed at random is read or refused, and does no harm")
    func mutated() throws {
        try mutate(ImportFixtures.path("residual.caffemodel"), rounds: 400)
    }
}

/// Changes a few bytes of a file, mostly near the start where structure is, and imports it: the program must survive it.
func mutate(_ path: String, rounds: Int) throws {
    let bytes = try Data(contentsOf: URL(filePath: path))
    let folder = try TemporaryFolder()
    for round in 0..<rounds {
        var changed = bytes
        let numbers = WeightFormula.uniform(name: "mutation \(round)", count: 12)
        for index in stride(from: 0, to: 12, by: 3) {
            let place = numbers[index] * numbers[index] * Double(index % 2 == 0 ? changed.count : min(changed.count, 2000))
            changed[Int(place)] = numbers[index + 1] < 0.3 ? 0xff : UInt8(numbers[index + 2] * 256)
        }
        try changed.write(to: folder.url.appending(path: "mutated"))
        // Whatever is thrown is a ModelError, by its type: what must not happen is a trap.
        _ = try? Importer().read(folder.path("mutated"))
    }
}
