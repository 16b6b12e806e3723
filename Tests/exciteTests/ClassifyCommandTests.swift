import Foundation
import Testing

@Suite("excite classify")
struct ClassifyCommandTests {
    private let image = "\(Embedded.folder)/self-test.jpg"

    private func lines(_ program: Program) throws -> [[String: Any]] {
        try program.output.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }

    @Test("writes a JSON object a line")
    func json() throws {
        let cat = TestImages.repository.appending(path: "Tests/ImagingTests/Fixtures/cat.jpg").path
        let program = try Program(["classify", image, cat, "--format", "json", "--top", "3"])
        #expect(try program.exitStatus() == 0)
        #expect(program.errors.isEmpty)
        let lines = try lines(program)
        #expect(lines.map { $0["file"] as? String } == [image, cat])
        for line in lines {
            #expect(Set(line.keys) == ["file", "predictions", "image"])
            let predictions = try #require(line["predictions"] as? [[String: Any]])
            #expect(predictions.count == 3)
            // Other names only where there are some.
            #expect(predictions.allSatisfy { Set($0.keys).subtracting(["synonyms"]) == ["label", "class", "index", "score"] })
        }
    }

    @Test("gives the classes that the model's self-test records")
    func recorded() throws {
        let file = try Data(contentsOf: URL(filePath: "\(Embedded.folder)/self-test.json"))
        let recorded = try #require(try JSONSerialization.jsonObject(with: file) as? [String: Any])
        let expected = try #require(recorded["predictions"] as? [[String: Any]])
        let program = try Program(["classify", image, "--format", "json"])
        #expect(try program.exitStatus() == 0)
        let found = try #require(try lines(program).first?["predictions"] as? [[String: Any]])
        #expect(found.map { $0["index"] as? Int } == expected.map { $0["index"] as? Int })
    }

    @Test("of a model without a name says so")
    func emptyName() throws {
        let program = try Program(["classify", image, "--model", ""])
        #expect(try program.exitStatus() == 1)
        #expect(program.errors.contains("the model's name is empty"), "\(program.errors)")
    }

    @Test("writes the file's name and a line with a bar a label as text")
    func text() throws {
        let program = try Program(["classify", image])
        #expect(try program.exitStatus() == 0)
        let lines = program.output.components(separatedBy: "\n")
        #expect(lines.count == 7 && lines.last == "")
        #expect(lines.first == image)
        for line in lines[1...5] { #expect(line.firstMatch(of: /^ {2,6}\d+\.\d %  \S.*/) != nil, "\(line)") }
        #expect(lines[1].contains("█"))
    }

    @Test("writes labels in full, whatever they are written in")
    func labels() throws {
        let names = (0..<10).map { "👩‍👩‍👧‍👦 family \($0)" }
        let tiny = try TinyModel {
            var pretrained = $0["pretrained_cfg"] as? [String: Any] ?? [:]
            pretrained["label_names"] = names
            $0["pretrained_cfg"] = pretrained
        }
        let program = try Program(["classify", image, "--top", "10"], models: [tiny])
        #expect(try program.exitStatus() == 0)
        for name in names { #expect(program.output.contains(name)) }
    }

    @Test("answers the others where one file cannot be read and another is no image")
    func failures() throws {
        let program = try Program(["classify", image, "no/such/file.jpg", #filePath, "/", image, "--format", "json"])
        #expect(try program.exitStatus() == 1)
        #expect(try lines(program).map { $0["file"] as? String } == [image, image])
        let errors = program.errors.split(separator: "\n")
        #expect(errors.count == 3)
        #expect(errors.first?.hasPrefix("excite: no/such/file.jpg: cannot be read") == true)
        #expect(errors.dropFirst().first?.hasPrefix("excite: \(#filePath): this looks like") == true)
        #expect(errors.last?.hasPrefix("excite: /: cannot be read") == true)
    }

    @Test("reads an image from standard input")
    func standardInput() throws {
        let bytes = Array(try Data(contentsOf: URL(filePath: image)))
        let program = try Program(["classify", "-", image, "--format", "json"], input: bytes)
        #expect(try program.exitStatus() == 0)
        let lines = try lines(program)
        #expect(lines.map { $0["file"] as? String } == ["-", image])
        #expect(lines[0]["predictions"] as? NSArray == lines[1]["predictions"] as? NSArray)
        let empty = try Program(["classify", "-"])
        #expect(try empty.exitStatus() == 1)
        #expect(empty.errors.contains("-: the image is empty"))
    }

    @Test("refuses a number of labels that the model does not have", arguments: ["0", "201"])
    func top(count: String) throws {
        let program = try Program(["classify", image, "--top", count])
        #expect(try program.exitStatus() == 64)
        #expect(program.errors.contains("--top must be from 1 to 200"))
    }

    @Test("gives every label where there are fewer than five")
    func fewLabels() throws {
        let program = try Program(["classify", image, "--format", "json"], models: [TinyModel(classes: 3)])
        #expect(try program.exitStatus() == 0)
        #expect((try lines(program)[0]["predictions"] as? [Any])?.count == 3)
    }

    @Test("says which model's folder is missing")
    func noModel() throws {
        let program = try Program(["classify", image, "--model", "no/such/model"])
        #expect(try program.exitStatus() == 1)
        #expect(program.errors.contains("no/such/model/config.json: cannot be opened: No such file or directory"))
    }
}
