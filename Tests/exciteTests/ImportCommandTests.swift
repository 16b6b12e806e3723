import Foundation
import SENet
import Testing

@Suite("excite import")
struct ImportCommandTests {
    private let folder: TemporaryFolder
    private static let fixtures = TestImages.repository.appending(path: "Tests/ModelImportTests/Fixtures")

    init() throws { folder = try TemporaryFolder() }

    private func run(_ file: String, _ arguments: [String] = []) throws -> Program {
        try Program(["import", Self.fixtures.appending(path: file).path, "--output", folder.path("model")] + arguments)
    }

    private func config() throws -> [String: Any] {
        let data = try Data(contentsOf: folder.url.appending(path: "model/config.json"))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test("of a Caffe model writes a folder that classifies, says what it found, and names the classes")
    func caffe() throws {
        try folder.write((0..<10).map { "thing \($0)" }.joined(separator: "\n"), to: "labels.txt")
        let program = try run("residual.caffemodel", ["--labels", folder.path("labels.txt")])
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        #expect(program.errors.isEmpty)
        for expected in [
            "Caffe network 'tiny SE-ResNet'", "parameters: ", "assumed: the input is BGR from 0 to 255, mean 104.0, 117.0, 123.0",
        ] {
            #expect(program.output.contains(expected), "\(program.output)")
        }
        let pretrained = try #require(try config()["pretrained_cfg"] as? [String: Any])
        #expect(pretrained["input_space"] as? String == "BGR")
        #expect(pretrained["mean"] as? [Double] == [104, 117, 123])
        #expect(pretrained["crop_pct"] as? Double == 0.875)
        let image = TestImages.repository.appending(path: "Tests/ImagingTests/Fixtures/cat.jpg").path
        let classify = try Program(["classify", image, "--model", folder.path("model"), "--format", "json"])
        #expect(try classify.exitStatus() == 0, "\(classify.errors)")
        #expect(classify.output.contains("thing "))
    }

    @Test("of a checkpoint takes how it was evaluated from a file")
    func settings() throws {
        try folder.write(#"{"input_size": [3, 96, 64], "mean": [0.5, 0.5, 0.5], "crop_pct": 1.0}"#, to: "settings.json")
        let program = try run("timm.pth", ["--settings", folder.path("settings.json")])
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        #expect(program.output.contains("assumed: the pooling after the stem is 'padded' (--stem-pooling)"))
        let pretrained = try #require(try config()["pretrained_cfg"] as? [String: Any])
        #expect(pretrained["input_size"] as? [Int] == [3, 96, 64])
        #expect(pretrained["mean"] as? [Double] == [0.5, 0.5, 0.5])
        #expect(pretrained["std"] as? [Double] == [0.229, 0.224, 0.225])
    }

    @Test("of a checkpoint takes the classes' names and what its scores mean from the same file, unless --labels says otherwise")
    func settingsLabels() throws {
        let names = (0..<10).map { "\"kind \($0)\"" }.joined(separator: ", ")
        try folder.write(
            """
            {"pretrained_cfg": {
                "label_names": [\(names)], "label_descriptions": {"kind 9": "the last"}, "problem_type": "multi_label_classification"
            }}
            """, to: "settings.json")
        let program = try run("timm.pth", ["--settings", folder.path("settings.json")])
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        #expect(!program.output.contains("no names"), "\(program.output)")
        let pretrained = try #require(try config()["pretrained_cfg"] as? [String: Any])
        #expect(pretrained["label_names"] as? [String] == (0..<10).map { "kind \($0)" })
        #expect(pretrained["label_descriptions"] as? [String: String] == ["kind 9": "the last"])
        #expect(pretrained["problem_type"] as? String == "multi_label_classification")
        try FileManager.default.removeItem(atPath: folder.path("model"))
        try folder.write((0..<10).map { "thing \($0)" }.joined(separator: "\n"), to: "labels.txt")
        let named = try run("timm.pth", ["--settings", folder.path("settings.json"), "--labels", folder.path("labels.txt")])
        #expect(try named.exitStatus() == 0, "\(named.errors)")
        let renamed = try #require(try config()["pretrained_cfg"] as? [String: Any])
        #expect(renamed["label_names"] as? [String] == (0..<10).map { "thing \($0)" })
    }

    @Test(
        "of a file that is not to be trusted ends with an error and writes nothing",
        arguments: ["refused-os-system.pth", "refused-bomb.pth"])
    func refused(file: String) throws {
        let program = try run(file)
        #expect(try program.exitStatus() == 1)
        #expect(program.errors.contains("refused"))
        #expect(!FileManager.default.fileExists(atPath: folder.path("model")))
    }

    @Test("never writes over a model, and says which labels do not fit")
    func conflicts() throws {
        try folder.write("only one", to: "labels.txt")
        let labels = try run("timm.pth", ["--labels", folder.path("labels.txt")])
        #expect(try labels.exitStatus() == 1)
        #expect(labels.errors.contains("1 labels for 10 classes"))
        #expect(try run("timm.pth").exitStatus() == 0)
        let again = try run("timm.pth")
        #expect(try again.exitStatus() == 1)
        #expect(again.errors.contains("config.json is there already"))
    }
}
