import Foundation
import Testing

@testable import excite

@Suite("excite embed")
struct EmbedCommandTests {
    private let folder: TemporaryFolder
    private let tiny: TinyModel

    init() throws {
        folder = try TemporaryFolder()
        tiny = try TinyModel()
        for (name, image) in [("b.jpg", "cat"), ("a/x \"y\" ü.jpg", "yuv420"), ("c.jpg", "gray")] {
            try folder.write(Data(try TestImages.jpeg(image)), to: "images/\(name)")
        }
    }

    private var files: [String] { ["a/x \"y\" ü.jpg", "b.jpg", "c.jpg"].map { folder.path("images/\($0)") } }

    private func embed(_ arguments: [String], status: Int32 = 0) throws -> Program {
        let program = try Program(["embed", "--threads", "2"] + arguments, models: [tiny])
        #expect(try program.exitStatus() == status, "\(program.errors)")
        return program
    }

    /// File and features of each line.
    private func lines(_ text: String) throws -> [(file: String, embedding: [Float])] {
        try text.split(separator: "\n").map { line in
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let values = try #require(object["embedding"] as? [Double])
            return (try #require(object["file"] as? String), values.map { Float($0) })
        }
    }

    private func floats(_ data: Data) -> [Float] {
        let bytes = Array(data)
        return stride(from: 0, to: bytes.count, by: 4).map { offset in
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * $1) })
        }
    }

    @Test("writes JSON lines to standard output, in the files' order, or to a file")
    func lines() throws {
        let printed = try embed([folder.path("images")]).output
        let found = try lines(printed)
        #expect(found.map(\.file) == files && found.allSatisfy { $0.embedding.count == 64 })
        let written = try embed([folder.path("images"), "-o", folder.path("x.jsonl")])
        #expect(written.output.isEmpty)
        #expect(try String(contentsOfFile: folder.path("x.jsonl"), encoding: .utf8) == printed)
        let unit = try lines(embed([folder.path("images"), "--normalize"]).output)
        for (_, embedding) in unit { #expect(abs(embedding.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5) }
    }

    @Test("writes a NumPy array and the names beside it, or a safetensors file with both: the same bits, broken images left out")
    func matrices() throws {
        try folder.write("no image", to: "images/bb.jpg")
        let expected = try lines(embed([folder.path("images")], status: 1).output)
        #expect(expected.map(\.file) == files)
        let rows = expected.flatMap(\.embedding)

        let program = try embed([folder.path("images"), "--output", folder.path("x.npy")], status: 1)
        #expect(program.errors.contains("bb.jpg: "))
        let npy = try Data(contentsOf: URL(filePath: folder.path("x.npy")))
        #expect(Array(npy.prefix(8)) == [0x93] + Array("NUMPY".utf8) + [1, 0])
        let length = Int(npy[8]) | Int(npy[9]) << 8
        let header = String(decoding: npy[10..<10 + length], as: UTF8.self)
        #expect((10 + length) % 64 == 0 && header.hasSuffix("\n"))
        #expect(header.hasPrefix("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 64), }"))
        #expect(floats(npy.dropFirst(10 + length)) == rows)
        let names = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: folder.path("x.npy.json"))))
        #expect(names as? [String] == files)

        _ = try embed([folder.path("images"), "--output", folder.path("x.safetensors")], status: 1)
        let file = try Data(contentsOf: URL(filePath: folder.path("x.safetensors")))
        let size = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let object = try #require(try JSONSerialization.jsonObject(with: file[8..<8 + size]) as? [String: [String: Any]])
        #expect(object["embeddings"]?["shape"] as? [Int] == [3, 64] && object["embeddings"]?["dtype"] as? String == "F32")
        #expect(object["embeddings"]?["data_offsets"] as? [Int] == [0, 3 * 64 * 4] && size % 8 == 0)
        #expect(object["__metadata__"]?["model"] as? String == "seresnet18.tiny")
        let listed = try #require(object["__metadata__"]?["files"] as? String)
        #expect(try JSONSerialization.jsonObject(with: Data(listed.utf8)) as? [String] == files)
        #expect(floats(file.dropFirst(8 + size)) == rows)
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.url.path).filter { $0.hasSuffix(".partial") }
        #expect(left.isEmpty)
    }

    @Test("says what cannot be done, before it begins")
    func errors() throws {
        let format = try embed([folder.path("images"), "-o", "x.csv"], status: 64)
        #expect(format.errors.contains(".safetensors, .npy or .jsonl"))
        #expect(try embed([folder.path("images"), "-o", folder.path("none/x.npy")], status: 1).errors.contains("cannot be written"))
        try folder.write("", to: "empty/readme")
        #expect(try embed([folder.path("empty")], status: 1).errors.contains("no images there"))
        #expect(try embed(["no/such.jpg"], status: 1).errors.contains("no/such.jpg: cannot be read"))
    }
}
