import Foundation
import SENet
import Testing

@testable import ModelImport

/// Files as training programs write them, made here by `CheckpointFile`.
@Suite("A training checkpoint")
struct CheckpointKindsTests {
    typealias Value = CheckpointFile.Value

    /// A seresnet18 of other channels, which timm's argument makes; ten classes.
    private static let network = {
        let json = """
            {"architecture": "seresnet18", "num_classes": 10, "model_args": {"layers": [1, 1, 1, 1], "channels": [16, 24, 32, 48]}}
            """
        return Result { try Configuration(json: Data(json.utf8)).network }
    }()

    /// Its tensors by formula; `seed` makes others.
    private func tensors(prefix: String = "", seed: String = "") throws -> [(String, Value)] {
        try Self.network.get().parameters.map { parameter in
            let floats = WeightFormula.uniform(name: parameter.name + seed, count: parameter.count).map { Float($0 + 0.5) }
            return (prefix + parameter.name, .tensor(.init(floats, shape: parameter.shape)))
        }
    }

    private func read(_ value: Value, _ importer: Importer = Importer()) throws -> ImportedModel {
        let folder = try TemporaryFolder()
        try CheckpointFile.data(value).write(to: folder.url.appending(path: "checkpoint.pth"))
        return try importer.read(folder.path("checkpoint.pth"))
    }

    /// Whether the model has the network's tensors of that seed, all of them.
    private func expectTensors(
        of model: ImportedModel, seed: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let expected = try Self.network.get().parameters
        #expect(model.network.parameters.map(\.name) == expected.map(\.name), sourceLocation: sourceLocation)
        for tensor in model.tensors {
            var bytes: [UInt8] = []
            try tensor.forEachPiece(in: model.file) { bytes += $0 }
            let count = bytes.count / 4
            let floats = WeightFormula.uniform(name: tensor.name + seed, count: count).map { Float($0 + 0.5) }
            #expect(bytes == floats.withUnsafeBytes { Array($0) }, "\(tensor.name)", sourceLocation: sourceLocation)
        }
    }

    private static let plainValues: [(String, Value)] = [
        ("epoch", .integer(12)), ("metric", .real(81.25)), ("version", .integer(2)), ("resumed", .bool(false)), ("note", .none),
        (
            "args",
            .object(
                "argparse.Namespace",
                [
                    ("model", .text("seresnet18")), ("lr", .real(0.05)), ("mean", .none), ("opt_betas", .list([.real(0.9), .real(0.999)])),
                    ("nested", .object("types.SimpleNamespace", [("amp", .bool(true))])), ("dtype", .global("torch.float32")),
                    ("device", .call("torch.device", [.text("cuda"), .integer(0)])),
                    ("data_dir", .call("pathlib.PosixPath", [.text("data"), .text("flowers")])),
                ]
            )
        ),
        ("seed", .long([0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 0x60, 0x71, 0xc6, 0])),
        ("modulus", .long([UInt8](repeating: 0xa5, count: 300))),
        ("classes", .call("__builtin__.set", [.list([.text("rose"), .text("tulip")])])),
        ("counts", .call("collections.defaultdict", [.global("__builtin__.int")])),
        ("best", .call("numpy.core.multiarray.scalar", [.none, .call("_codecs.encode", [.text("x"), .text("latin1")])])),
        (
            "optimizer",
            .dictionary([
                ("state", .numbered([(0, .dictionary([("exp_avg", .tensor(.init([1, 2, 3, 4], shape: [2, 2])))]))])),
                ("param_groups", .list([.dictionary([("lr", .real(0.05)), ("params", .list([.integer(0)]))])])),
            ])
        ),
    ]

    @Test("with plain values of every kind around its weights, at places drawn at random, gives the weights", arguments: 0..<12)
    func plainValues(_ seed: Int) throws {
        let numbers = WeightFormula.uniform(name: "place \(seed)", count: 2 * Self.plainValues.count)
        var entries = zip(Self.plainValues, numbers).filter { $1 < 0.7 }.map(\.0)
        entries.insert(("state_dict", .dictionary(try tensors())), at: Int(numbers[Self.plainValues.count] * Double(entries.count + 1)))
        let model = try read(.dictionary(entries))
        try expectTensors(of: model)
        #expect(model.findings.contains { $0.contains("under 'state_dict'") })
    }

    @Test(
        "gives the averaged weights first, as timm's loader does, and names the others with their --key",
        arguments: ["state_dict", "model"])
    func averaged(_ plain: String) throws {
        let averaged = plain == "model" ? "model_ema" : "state_dict_ema"
        let file = Value.dictionary([(plain, .dictionary(try tensors(seed: "raw"))), (averaged, .dictionary(try tensors()))])
        let model = try read(file)
        try expectTensors(of: model)
        #expect(model.findings.contains { $0.contains("under '\(averaged)'") })
        #expect(model.findings.contains { $0.contains("--key \(plain)") })
        try expectTensors(of: read(file, Importer(stateDictionaryKey: plain)), seed: "raw")
    }

    @Test("with bytes changed at random is read or refused, and does no harm")
    func mutated() throws {
        let folder = try TemporaryFolder()
        let weights = Value.dictionary([("fc.weight", .tensor(.init([1, 2, 3, 4], shape: [2, 2])))])
        let entries = Self.plainValues + [("state_dict_ema", weights), ("model", weights)]
        try CheckpointFile.data(.dictionary(entries)).write(to: folder.url.appending(path: "checkpoint"))
        try mutate(folder.path("checkpoint"), rounds: 2000)
    }

    @Test("whose averaged weights are none gives the others")
    func noAverage() throws {
        let model = try read(.dictionary([("state_dict_ema", .none), ("state_dict", .dictionary(try tensors()))]))
        try expectTensors(of: model)
    }

    @Test(
        "with tensors beside the network leaves them out by name, and sees the prefix none the less",
        arguments: ["module.", "model.", "_orig_mod.", "module.model.", ""])
    func beside(_ prefix: String) throws {
        var entries = try tensors(prefix: prefix)
        entries.insert(("n_averaged", .tensor(.init(100))), at: 0)
        entries.append(("criterion.weight", .tensor(.init([Float](repeating: 1, count: 10), shape: [10]))))
        let model = try read(.dictionary([("state_dict", .dictionary(entries))]))
        try expectTensors(of: model)
        #expect(model.leftOut.sorted() == ["criterion.weight", "n_averaged"])
        #expect(model.findings.contains { $0.contains("left out") && $0.contains("n_averaged") && $0.contains("criterion.weight") })
    }

    @Test("of Lightning's gives the network of its module")
    func lightning() throws {
        let model = try read(
            .dictionary([
                ("epoch", .integer(3)), ("pytorch-lightning_version", .text("2.2.0")),
                ("state_dict", .dictionary(try tensors(prefix: "net.") + [("loss.weight", .tensor(.init([1, 1], shape: [2])))])),
                ("loops", .dictionary([])), ("optimizer_states", .list([])),
                (
                    "callbacks",
                    .dictionary([("ModelCheckpoint{'monitor': 'val'}", .dictionary([("best", .tensor(.init([0.5], shape: [])))]))])
                ),
                ("hyper_parameters", .object("lightning.fabric.utilities.data.AttributeDict", [("lr", .real(0.1))])),
            ]))
        try expectTensors(of: model)
        #expect(model.leftOut == ["loss.weight"])
    }

    @Test("a tensor beside the dictionary of weights, such as the best accuracy, does not hide it")
    func measure() throws {
        let model = try read(.dictionary([("best", .tensor(.init([0.5], shape: [1]))), ("model", .dictionary(try tensors()))]))
        try expectTensors(of: model)
    }

    @Test("that calls itself by a published network's name, and has other channels, is not called so")
    func otherChannels() throws {
        let model = try read(.dictionary([("arch", .text("seresnet18")), ("state_dict", .dictionary(try tensors()))]))
        try expectTensors(of: model)
        #expect(model.architecture == nil)
        #expect(model.findings.contains { $0.contains("calls itself seresnet18; its tensors are not that network's") })
        let folder = try TemporaryFolder()
        try model.write(to: folder.path("model"), ImportSettings(evaluation: Configuration.Evaluation())) { _, _ in }
        let written = try ModelSource(folder: folder.path("model"))
        #expect(written.configuration.name == "imported" && written.network.operations == model.network.operations)
    }

    @Test("of one network's names and another's shapes does not take what is the network's own for something beside it")
    func leftOver() throws {
        let parameters = try Configuration(architecture: "seresnet18").network.parameters
        func published(besides extra: (String, [Int])...) -> [String] {
            let shapes = parameters.map { ($0.name, $0.shape) } + extra
            return NetworkTensors(shapes.map { ImportedTensor(name: $0, shape: $1, values: .stored(.float32, [])) }).publishedArchitectures
        }
        #expect(published().contains("seresnet18"))
        // Without its gates it would be a resnet18, and with them it must not be taken for one.
        #expect(!published().contains("resnet18"))
        #expect(published(besides: ("criterion.weight", [1000])).contains("seresnet18"))
        #expect(published(besides: ("fc.scale", [1000])).isEmpty)
        #expect(published(besides: ("layer4.1.extra.weight", [512])).isEmpty)
    }

    @Test("without weights says which keys there are, and where there are tensors")
    func elsewhere() throws {
        let file = Value.dictionary([("student", .dictionary(try tensors())), ("epoch", .integer(1))])
        let message = failure { try read(file) }
        #expect(message.contains("it has: student, epoch") && message.contains("--key student"), "\(message)")
        try expectTensors(of: read(file, Importer(stateDictionaryKey: "student")))
    }

    @Test("with weights of whole numbers is refused by the tensor's name")
    func wholeNumbers() throws {
        var entries = try tensors()
        let index = try #require(entries.firstIndex { $0.0 == "bn1.running_mean" })
        var tensor = CheckpointFile.Tensor([Float](repeating: 0, count: 128), shape: [64])
        tensor.storage = "LongStorage"
        entries[index].1 = .tensor(tensor)
        #expect(failure { try read(.dictionary(entries)) }.contains("'bn1.running_mean' [64] holds whole numbers"))
    }

    @Test(
        "that asks for a function, in whatever place, is refused, for it could run any program",
        arguments: [
            "os.system", "posix.system", "builtins.eval", "builtins.getattr", "numpy.load", "torch.load", "torch.hub.load",
            "argparse.ArgumentParser",
        ])
    func refused(_ function: String) throws {
        for value in [
            Value.call(function, [.text("true")]), .object(function, []), .global(function),
            .object("argparse.Namespace", [("x", .call(function, []))]),
        ] {
            let message = failure { try read(.dictionary([("state_dict", .dictionary(try tensors())), ("extra", value)])) }
            #expect(message.contains("'\(function)'"), "\(message)")
        }
    }
}

@Suite("A file that is no checkpoint")
struct ForeignFileTests {
    private func message(_ bytes: Data) throws -> String {
        let folder = try TemporaryFolder()
        try bytes.write(to: folder.url.appending(path: "model.pth"))
        return failure { try Importer().read(folder.path("model.pth")) }
    }

    @Test(
        "is named for what it is, with what to do",
        arguments: [
            ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 112543276\n", "Git LFS pointer", "git lfs pull"),
            ("<!doctype html>\n<html lang=\"en\">", "a web page", "download again"), ("  <html><head>", "a web page", "download again"),
            (#"{"message": "Not Found"}"#, "JSON text", "download again"), ("\u{1f}\u{8b}\u{8}\u{0}", "gzip", "unpack it"),
            ("", "empty", "empty"), ("%PDF-1.7", "a PDF", "a PDF"),
        ])
    func kinds(_ content: String, _ what: String, _ advice: String) throws {
        let text = try message(Data(content.unicodeScalars.map { UInt8($0.value) }))
        #expect(text.contains(what) && text.contains(advice), "\(text)")
    }

    @Test("a safetensors file needs no import")
    func safeTensors() throws {
        let folder = try TemporaryFolder()
        try SafeTensors.write([1, 2], name: "fc.bias", shape: [2], to: folder.path("model.pth"))
        let text = failure { try Importer().read(folder.path("model.pth")) }
        #expect(text.contains("a safetensors file, which needs no import") && text.contains("config.json"), "\(text)")
    }

    @Test("a link that leads nowhere says where it leads")
    func danglingLink() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createSymbolicLink(atPath: folder.path("model.pth"), withDestinationPath: "blobs/none")
        let text = failure { try Importer().read(folder.path("model.pth")) }
        #expect(text.contains("a link to 'blobs/none', which is not there"), "\(text)")
    }

    @Test("another program's zip file is no checkpoint")
    func zip() throws {
        #expect(try message(CheckpointFile.zip([("weights.npy", Data(count: 9))])).contains("a zip file, but not PyTorch's"))
    }
}
