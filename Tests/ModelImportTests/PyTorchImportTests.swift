import Foundation
import SENet
import Testing

@testable import ModelImport

@Suite("A PyTorch checkpoint")
struct PyTorchImportTests {
    static let good = ImportFixtures.names(endingIn: ".pth") { !$0.hasPrefix("refused") }

    private func read(_ name: String, _ importer: Importer = Importer()) throws -> ImportedModel {
        try importer.read(ImportFixtures.path(name))
    }

    @Test("gives PyTorch's logits, in either format, every precision and under other names", arguments: good)
    func logits(file: String) throws {
        try read(file).check(ImportFixtures.golden(String(file.dropLast(4))))
    }

    @Test("there are files of every kind")
    func all() { #expect(Self.good.count == 13) }

    @Test("keeps half precision and stores anything else as float32")
    func precision() throws {
        let expected: [String: SafeTensors.ElementType] = [
            "timm": .float32, "float16": .float16, "bfloat16": .bfloat16, "float64": .float32,
        ]
        for (name, type) in expected {
            let types = try read("\(name).pth").tensors.map(\.writtenType)
            #expect(Set(types) == [type], "\(name)")
        }
    }

    @Test("says what it found and what it assumed")
    func report() throws {
        let model = try read("cadene-grouped.pth")
        let text = (model.findings + model.assumptions).joined(separator: "\n")
        for expected in [
            "stem: 7×7, 16", "bottleneck blocks: 1, 2", "channels: 64, 96", "groups of the 3×3: 4", "ceil", "--stem-pooling", "middle",
        ] {
            #expect(text.contains(expected), "\(text)")
        }
        #expect(try read("linear-gates.pth").findings.contains { $0.contains("without bias") })
        #expect(try read("gluon-senet.pth").findings.contains { $0.contains("projection: 3×3") })
        #expect(try read("older.pth").findings.contains { $0.contains("under 'state_dict'") })
    }

    @Test("other conventions can be asked for")
    func conventions() throws {
        let conventions = ResidualConventions(stridePlace: .first, stemPooling: .ceil, stemStride: 1, activation: .silu)
        let network = try read("timm.pth", Importer(conventions: conventions)).network
        func convolution(_ name: String) -> Convolution? {
            guard case .convolution(let convolution)? = network.operations.first(where: { $0.name == name })?.kind else { return nil }
            return convolution
        }
        #expect(convolution("conv1")?.stride == 1)
        #expect(convolution("layer2.0.conv1")?.stride == 2)
        #expect(convolution("layer2.0.conv2")?.stride == 1)
        #expect(network.operations.contains { $0.kind == .pooling(Pooling(operator: .max, kernel: 3, stride: 2, ceil: true)) })
        #expect(!network.operations.contains { $0.kind == .activation(.relu) })
    }

    /// A network's tensors, as a file would have them; only the shapes are looked at.
    private func tensors(_ network: Network) -> [ImportedTensor] {
        network.parameters.map { ImportedTensor(name: "module.\($0.name)", shape: $0.shape, values: .stored(.float32, [])) }
    }

    @Test("of any published network is recognised by its tensors' names", arguments: Architecture.named.keys.sorted())
    func recognised(name: String) throws {
        var configuration = try Configuration(architecture: name)
        (configuration.classes, configuration.inputChannels) = (7, 1)
        let found = NetworkTensors(tensors(configuration.network)).publishedArchitectures
        #expect(found.contains(name))
        // Antialiasing has no tensors.
        let architectures = found.compactMap { Architecture.named[$0] }.map { architecture in
            var plain = architecture
            plain.antialiasing = nil
            return plain
        }
        #expect(architectures.allSatisfy { $0 == architectures[0] })
    }

    /// Those that differ from others in more than what has no tensors, and have the names and the blocks of ResNets.
    static let plain = Architecture.named.filter { $1.antialiasing == nil && $1.stemPooling == .max && $1.generation != .blocks }

    @Test("of a published network is recognised by its shapes alone", arguments: plain.keys.sorted())
    func recognisedByShapes(name: String) throws {
        let network = try Configuration(architecture: name).network
        let file = try InputFile(path: ImportFixtures.path("timm.json"))
        var model = try ResidualImport.model(NetworkTensors(tensors(network)).network, file: file, conventions: ResidualConventions())
        model.takeArchitectureName()
        let found = try #require(model.architecture)
        #expect(try Configuration(architecture: found).network.operations == network.operations)
        #expect(Set(model.tensors.map(\.name)) == Set(network.parameters.map(\.name)))
    }

    @Test("is taken by its architecture's name where that is given, and refused where it does not fit")
    func architecture() throws {
        #expect(failure { try read("timm.pth", Importer(architecture: "seresnet50")) }.contains("'layer1.0.downsample.0.weight'") == false)
        #expect(failure { try read("timm.pth", Importer(architecture: "seresnet50")) }.contains("of seresnet50"))
        #expect(failure { try read("timm.pth", Importer(architecture: "seresnet51")) }.contains("'seresnet51' is not supported"))
    }

    @Test("under a key that is not there says which there are")
    func key() throws {
        let message = failure { try read("older.pth", Importer(stateDictionaryKey: "ema")) }
        #expect(message.contains("no 'ema' in it; it has: epoch, best, state_dict, optimizer"))
    }

    @Test(
        "that asks for more than tensors and containers, or claims what it does not have, is refused",
        arguments: [
            ("os-system", "posix.system"), ("eval", "builtin"), ("object", ".Port', which is neither"),
            ("nesting", "no dictionary of tensors"),
            ("claim", "should have 1073741824 elements"), ("view", "does not fit into its storage"),
            ("overflow", "does not fit into its storage"), ("string", "4294967296 bytes are announced"), ("bomb", "is compressed"),
        ])
    func refused(_ name: String, _ expected: String) throws {
        let message = failure { try read("refused-\(name).pth") }
        #expect(message.contains(expected), "\(message)")
    }

    @Test("cut off anywhere is refused", arguments: ["timm", "older"])
    func cut(name: String) throws {
        let bytes = try Data(contentsOf: URL(filePath: ImportFixtures.path("\(name).pth")))
        let folder = try TemporaryFolder()
        for count in Array(stride(from: 0, to: bytes.count, by: 499)) + [bytes.count - 1] {
            try bytes.prefix(count).write(to: URL(filePath: folder.path("cut.pth")))
            #expect(!failure { try Importer().read(folder.path("cut.pth")) }.isEmpty)
        }
    }

    @Test("with bytes changed at random is read or refused, and does no harm", arguments: ["timm", "older", "refused-view"])
    func mutated(name: String) throws {
        try mutate(ImportFixtures.path("\(name).pth"), rounds: 600)
    }
}
