import Foundation
import Imaging
import Serving
import Testing

@testable import SENet
@testable import excite

@Suite("excite explain")
struct ExplainCommandTests {
    private let folder: TemporaryFolder
    private let tiny: TinyModel

    init() throws {
        folder = try TemporaryFolder()
        tiny = try TinyModel()
        for (name, image) in [("a.jpg", "cat"), ("b/c.jpg", "yuv420")] {
            try folder.write(Data(try TestImages.jpeg(image)), to: "images/\(name)")
        }
    }

    private var files: [String] { ["a.jpg", "b/c.jpg"].map { folder.path("images/\($0)") } }

    private func explain(_ arguments: [String], status: Int32 = 0) throws -> Program {
        let program = try Program(["explain", "--threads", "2"] + arguments, models: [tiny])
        #expect(try program.exitStatus() == status, "\(program.errors)")
        return program
    }

    /// File and map of each line.
    private func lines(_ text: String) throws -> [(file: String, map: ClassMap)] {
        try text.split(separator: "\n").map { line in
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let map = try #require(object["map"] as? [String: Any])
            let values = try #require(map["values"] as? [[Double]]).flatMap { $0 }.map { Float($0) }
            return (
                try #require(object["file"] as? String),
                ClassMap(
                    index: try #require(map["index"] as? Int), height: try #require(map["height"] as? Int),
                    width: try #require(map["width"] as? Int), values: values, bias: Float(try #require(map["bias"] as? Double)))
            )
        }
    }

    private func image(_ path: String) throws -> RGBImage {
        try Data(contentsOf: URL(filePath: path)).withUnsafeBytes { try ImageDecoder().decode($0) }.image
    }

    /// What the network's picture is drawn from and into.
    private func picture(_ map: ClassMap, of file: String) throws -> RGBImage {
        let picture = ClassMapPicture(map, seenThrough: try Preprocessing(tiny.load().source.configuration))
        return picture.draw(over: try picture.preprocessing.crop(image(file)))
    }

    @Test("gives numbers whose mean and bias are the class's logit, as JSON lines, to standard output or a file")
    func numbers() throws {
        let printed = try explain([folder.path("images"), "--format", "json"]).output
        let found = try lines(printed)
        #expect(found.map(\.file) == files)
        let model = try tiny.load()
        let pool = try EnginePool(models: [model], options: EnginePool.Options(threads: 2))
        defer { pool.close() }
        for (file, map) in found {
            let bytes = [UInt8](try Data(contentsOf: URL(filePath: file)))
            let logits = try pool.infer(InferenceRequest(image: bytes, model: model)).get().logits
            #expect(map.index == logits.indices.max { logits[$0] < logits[$1] })
            #expect(map.values.count == map.height * map.width)
            let mean = map.values.reduce(0) { $0 + Double($1) } / Double(map.values.count)
            #expect(abs(mean + Double(map.bias) - Double(logits[map.index])) < 1e-4)
        }
        #expect(try explain([folder.path("images"), "--format", "json", "-o", folder.path("x.jsonl")]).output.isEmpty)
        #expect(try String(contentsOfFile: folder.path("x.jsonl"), encoding: .utf8) == printed)
    }

    @Test("draws the map over what the network saw: one picture into a file, several into a folder, those that are broken left out")
    func pictures() throws {
        let maps = try lines(explain([folder.path("images"), "--format", "json"]).output).map(\.map)
        let one = try explain([files[0], "-o", folder.path("map.png")])
        #expect(one.output.hasPrefix("\(files[0]): ") && one.output.hasSuffix(", in \(folder.path("map.png"))\n"), "\(one.output)")
        let drawn = try image(folder.path("map.png"))
        #expect(drawn.width == 448 && drawn.height == 448)
        #expect(try drawn == picture(maps[0], of: files[0]))

        try folder.write("no image", to: "images/bb.jpg")
        let several = try explain([folder.path("images"), "-o", folder.path("maps/new")], status: 1)
        #expect(several.errors.contains("bb.jpg: "))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("maps/new")).sorted() == ["a.jpg.png", "c.jpg.png"])
        #expect(try image(folder.path("maps/new/a.jpg.png")) == drawn)
        #expect(try image(folder.path("maps/new/c.jpg.png")) == picture(maps[1], of: files[1]))
    }

    @Test("--label asks for another class, by its name")
    func label() throws {
        let best = try lines(explain([files[0], "--format", "json"]).output)[0].map
        let model = try tiny.load()
        let other = best.index == 0 ? 1 : 0
        let map = try lines(explain([files[0], "--format", "json", "--label", model.labels.names[other]]).output)[0].map
        #expect(map.index == other && map.values != best.values)
        #expect(try explain([files[0], "--format", "json", "--label", "no such class"], status: 1).errors.contains("'no such class'"))
    }

    @Test("the map's least is clear and its most is orange, over gray")
    func colors() {
        let preprocessing = Preprocessing(
            height: 2, width: 2, cropFraction: 1, cropMode: .center, interpolation: .bilinear, mean: [0, 0, 0],
            standardDeviation: [1, 1, 1])
        let picture = ClassMapPicture(
            ClassMap(index: 0, height: 2, width: 2, values: [-1, 0, 0, 3], bias: 0), seenThrough: preprocessing)
        #expect(picture.preprocessing.width == 448 && picture.preprocessing.height == 448)
        let drawn = picture.draw(over: RGBImage(width: 2, height: 2, pixels: [UInt8](repeating: 200, count: 12)))
        #expect(Array(drawn.pixels.prefix(3)) == [200, 200, 200])
        // 0.7 of 235 / 255 orange: 200 + (255 - 200) · 0.6451, and so on.
        #expect(Array(drawn.pixels.suffix(3)) == [235, 142, 71])
        let red = picture.draw(over: RGBImage(width: 2, height: 2, pixels: [255, 0, 0] + [UInt8](repeating: 0, count: 9)))
        // 0.3 of red, 0.7 of its gray, 54.2.
        #expect(Array(red.pixels.prefix(3)) == [114, 38, 38])
    }

    @Test("says what cannot be done, before it begins")
    func errors() throws {
        #expect(try explain([files[0]], status: 64).errors.contains("--output is missing"))
        #expect(try explain(["-", "-o", "x.png"], status: 64).errors.contains("not -"))
        #expect(try explain([folder.path("images"), "-o", "-"], status: 1).errors.contains("a folder is needed for 2 pictures"))
        #expect(try explain([files[0], files[0], "-o", folder.path("maps")], status: 1).errors.contains("two images are called a.jpg"))
        #expect(try explain([files[0], "-o", folder.path("none/x.png")], status: 1).errors.contains("cannot be written"))
        #expect(try explain(["no/such.jpg", "-o", folder.path("x.png")], status: 1).errors.contains("no/such.jpg: cannot be read"))
    }
}
