import Foundation
import Testing

@testable import excite

@Suite("excite evaluate")
struct EvaluateCommandTests {
    private let folder: TemporaryFolder
    private let tiny: TinyModel

    init() throws {
        folder = try TemporaryFolder()
        tiny = try TinyModel()
    }

    private func evaluate(_ arguments: [String], models: [TinyModel] = []) throws -> Program {
        try Program(["evaluate", "--threads", "2"] + arguments, models: models)
    }

    private func json(_ text: some StringProtocol) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    /// What `classify` says of the image.
    private func first(_ image: String) throws -> Int {
        let program = try Program(["classify", image, "--top", "1", "--format", "json"], models: [tiny])
        #expect(try program.exitStatus() == 0)
        let predictions = try #require(try json(program.output)["predictions"] as? [[String: Any]])
        return try #require(predictions.first?["index"] as? Int)
    }

    @Test("counts right and wrong, and names what it could not decode")
    func counts() throws {
        let cat = Data(try TestImages.jpeg("cat"))
        try folder.write(cat, to: "cat.jpg")
        let right = try first(folder.path("cat.jpg"))
        for name in ["\(right)/a.jpg", "\(right)/b.jpg", "\((right + 1) % 10)/a.jpg", "dog/a.jpg"] { try folder.write(cat, to: name) }
        try folder.write("hello", to: "\(right)/c.jpg")
        let program = try evaluate([folder.url.path, "--format", "json"], models: [tiny])
        #expect(try program.exitStatus() == 1, "one image is broken")
        let report = try json(program.output)
        #expect(report["images"] as? Int == 3)
        #expect(report["classes"] as? Int == 2)
        let top1 = try #require(report["top1"] as? [String: Any])
        #expect(top1["errors"] as? Int == 1)
        #expect(top1["error"] as? Double == 0.333333)
        #expect((top1["interval"] as? [Double])?.count == 2)
        #expect((report["left_out"] as? [String: Any])?["classes"] as? [String] == ["dog"])
        #expect((report["left_out"] as? [String: Any])?["images"] as? Int == 1)
        let failed = try #require(report["failed"] as? [[String: Any]])
        #expect(failed.map { $0["file"] as? String } == [folder.path("\(right)/c.jpg")])
        let confusions = try #require(report["confusions"] as? [[String: Any]])
        #expect(confusions.count == 1)
        #expect(confusions[0]["class"] as? String == "\((right + 1) % 10)")
        #expect(confusions[0]["predicted_class"] as? String == "\(right)")
        let worst = try #require(report["worst_classes"] as? [[String: Any]])
        #expect(worst.map { $0["top1_errors"] as? Int } == [1, 0])

        let text = try evaluate([folder.url.path, "--worst", "0"], models: [tiny])
        #expect(try text.exitStatus() == 1)
        #expect(text.output.contains("top-1 error  33.33 %  (1 of 3; 95 %: 6.15 % to 79.23 %)"), "\(text.output)")
        #expect(text.output.contains("Left out: 1 images of 1 classes that the model does not have (dog)."))
        #expect(!text.output.contains("worst classes"))
        #expect(text.output.contains("taken for"))
        #expect(text.errors.isEmpty, "no progress where no terminal is")
    }

    @Test("takes a list of paths and classes")
    func list() throws {
        try folder.write(Data(try TestImages.jpeg("cat")), to: "images/cat.jpg")
        let right = try first(folder.path("images/cat.jpg"))
        try folder.write("cat.jpg \(right)\nmissing.jpg 0\n", to: "val.txt")
        let program = try evaluate(
            [folder.path("val.txt"), "--root", folder.path("images"), "--format", "json"], models: [tiny])
        #expect(try program.exitStatus() == 1)
        let report = try json(program.output)
        #expect(report["images"] as? Int == 1)
        #expect((report["top1"] as? [String: Any])?["errors"] as? Int == 0)
        #expect((report["failed"] as? [[String: Any]])?.count == 1)
    }

    @Test("evaluates images as they are stored, as timm does, unless it is told otherwise")
    func orientation() throws {
        try folder.write(Data(try TestImages.jpeg("exif_7")), to: "0/a.jpg")
        func predictions(_ program: Program, _ text: @autoclosure () throws -> String) throws -> NSArray {
            #expect(try program.exitStatus() == 0, "\(program.errors)")
            return try #require(try json(text())["predictions"] as? NSArray)
        }
        var found: [NSArray] = []
        for (options, same) in [([], "ignore"), (["--exif", "apply"], "apply")] {
            let lines = folder.path("lines-\(same)")
            found.append(
                try predictions(
                    evaluate([folder.url.path, "--predictions", lines] + options, models: [tiny]),
                    String(contentsOfFile: lines, encoding: .utf8)))
            let classify = try Program(
                ["classify", folder.path("0/a.jpg"), "--exif", same, "--format", "json"], models: [tiny])
            #expect(try found.last == predictions(classify, classify.output))
        }
        #expect(found[0] != found[1])
    }

    @Test("says what is wrong with its images")
    func badImages() throws {
        let program = try evaluate(["no/such/folder"], models: [tiny])
        #expect(try program.exitStatus() == 1)
        #expect(program.errors.contains("no/such/folder: cannot be read"))
    }

    @Test("has PyTorch's hits, image for image, on photographs arranged by class", .enabled(if: Shared.isPresent, Shared.comment))
    func photographs() throws {
        struct Expected: Decodable {
            var index: Int
            var `class`: String
        }
        let file = Shared.folder.appending(path: "model/expected.json")
        let expected = try JSONDecoder().decode([String: [Expected]].self, from: Data(contentsOf: file))
        let photographs = Shared.folder.appending(path: "images/photos")
        for name in try FileManager.default.contentsOfDirectory(atPath: photographs.path) {
            let wnid = name.prefix { $0 != "_" }
            let target = folder.url.appending(path: "val/\(wnid)/\(name)")
            try FileManager.default.createDirectory(at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(at: target, withDestinationURL: photographs.appending(path: name))
        }
        let program = try evaluate([
            folder.path("val"), "--format", "json", "--predictions", folder.path("lines"), "--model",
            Shared.folder.appending(path: "model").path,
        ])
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        let report = try json(program.output)
        let lines = try String(contentsOfFile: folder.path("lines"), encoding: .utf8).split(separator: "\n").map { try json($0) }
        #expect(lines.count == 64)
        var (firsts, fives) = (0, 0)
        for line in lines {
            let name = URL(filePath: try #require(line["file"] as? String)).lastPathComponent
            let wanted = try #require(expected[name])
            let found = try #require(line["predictions"] as? [[String: Any]]).map { $0["index"] as? Int }
            #expect(found == wanted.map(\.index), "\(name)")
            let wnid = String(name.prefix { $0 != "_" })
            #expect(line["class"] as? String == wnid)
            if wanted[0].class == wnid { firsts += 1 }
            if wanted.contains(where: { $0.class == wnid }) { fives += 1 }
        }
        #expect((report["top1"] as? [String: Any])?["errors"] as? Int == 64 - firsts)
        #expect((report["top5"] as? [String: Any])?["errors"] as? Int == 64 - fives)
        #expect((firsts, fives) == (29, 41))
        #expect((report["left_out"] as? [String: Any])?["images"] as? Int == 36)
    }
}

@Suite("The progress bar")
struct ProgressBarTests {
    @Test("says how far, how fast and how long, in the columns there are", arguments: [120, 79, 40, 10])
    func line(columns: Int) {
        let line = ProgressBar.line("model", .bytes, 50 << 20, 100 << 20, elapsed: 4, since: 10 << 20, columns: columns)
        #expect(line.count <= columns)
        let whole = "model   50 % ███████████████                 50.0 MiB of 100.0 MiB  10.0 MiB/s  5 s left"
        if columns == 120 { #expect(line == whole) }
        if columns >= 79 { #expect(line.hasSuffix("10.0 MiB/s  5 s left")) }
    }

    @Test("has no end where the total is not known")
    func unknown() {
        #expect(ProgressBar.line("", .images, 1200, nil, elapsed: 10, since: 0, columns: 79) == "1,200  120.0 images/s")
        #expect(ProgressBar.line("", .images, 0, 10, elapsed: 0, since: 0, columns: 30) == "  0 % 0 of 10  0.0 images/s")
    }
}
