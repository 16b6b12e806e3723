import Foundation
import SENet
import Serving
import Testing

@Suite("excite quantize")
struct QuantizeCommandTests {
    private let image = "\(Embedded.folder)/self-test.jpg"

    /// A list with the image some times, under the class that it shows.
    private func list(_ count: Int, in folder: TemporaryFolder) throws -> String {
        try folder.write(String(repeating: "\(image) n07920052\n", count: count), to: "list.txt")
        return folder.path("list.txt")
    }

    @Test("writes a folder that is served as it stands, says what it loses, and warns of few images")
    func quantizes() throws {
        let folder = try TemporaryFolder()
        let output = folder.path("int8")
        let program = try Program([
            "quantize", Embedded.folder, "--images", try list(5, in: folder), "--output", output, "--keep", "conv1.0",
        ])
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        #expect(program.errors.contains("warning: 4 images"))
        for said in [
            "first label as in float32      100.0 %", "top-1, float32 → int8          100.0 % → 100.0 %", "in float32: conv1.0",
            "written: ",
        ] {
            #expect(program.output.contains(said), "\(said) in \(program.output)")
        }
        let report = try #require(try ModelSource(folder: output).configuration.quantization?.report)
        #expect(report.calibrationImages == 4 && report.heldOutImages == 1 && report.int8Top1 == 1)
        let sizes = try [Embedded.folder, output].map { try InputFile(path: "\($0)/model.safetensors").count }
        #expect(sizes[1] < sizes[0] * 6 / 10)
        let test = try #require(try SelfTest.load(folder: output))
        #expect(test.precision == .int8 && test.predictions.count == 5 && test.predictions.first?.index == 193)
        let served = try ServedProgram(["--model", output, "--model", output, "--model-name", "a", "--model-name", "b"])
        try served.waitForReadiness(200)
        let loaded = served.log.filter { $0["message"] as? String == "loaded" }
        #expect(loaded.map { $0["shares_weights_with"] as? String } == [nil, "a"])

        let classified = try Program(["classify", "--model", output, "--format", "json", image])
        #expect(try classified.exitStatus() == 0 && classified.output.contains("espresso"), "\(classified.errors)")
        let inspected = try Program(["inspect", "--model", output, "--plan"])
        #expect(try inspected.exitStatus() == 0 && inspected.output.contains("f32 → int8"), "\(inspected.output)")
        let again = try Program(["quantize", Embedded.folder, "--images", folder.path("list.txt"), "--output", output])
        #expect(try again.exitStatus() != 0 && again.errors.contains("is there already"))
        let twice = try Program(["quantize", output, "--images", folder.path("list.txt")])
        #expect(try twice.exitStatus() != 0 && twice.errors.contains("is quantised already"))
    }

    @Test("refuses what it cannot calibrate with")
    func refuses() throws {
        let folder = try TemporaryFolder()
        let program = try Program(["quantize", Embedded.folder, "--images", try list(1, in: folder), "--output", folder.path("int8")])
        #expect(try program.exitStatus() != 0 && program.errors.contains("1 images there"))
        #expect(!FileManager.default.fileExists(atPath: folder.path("int8")))
    }
}
