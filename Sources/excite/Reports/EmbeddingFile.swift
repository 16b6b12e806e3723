import FoundationEssentials
import Glibc
import SENet
import Service

/// Where `excite embed` writes: the images' features in their order, row by row, so that they need not be in memory. The file appears under
/// its name when it is finished.
final class EmbeddingFile {
    enum Format: String {
        case safetensors, npy, jsonl

        /// By the file's ending; nil where there is none such. Standard output gets JSON lines.
        init?(path: String) {
            if path == "-" { self = .jsonl } else { self.init(rawValue: URL(filePath: path).pathExtension.lowercased()) }
        }
    }

    private let path: String
    private let format: Format
    private let model: String
    private let features: Int
    private let files: [String]
    private var stream: UnsafeMutablePointer<FILE>?
    /// The images that have a row, by their index among the files.
    private var rows: [Int] = []
    /// Bytes in front of the rows.
    private var headerBytes = 0

    /// - Parameters:
    ///   - model: what made the features.
    ///   - features: of an image.
    ///   - files: the images' names, of which some may turn out to have none.
    /// - Throws: `ModelError.file` if it cannot be written.
    init(path: String, model: String, features: Int, files: [String]) throws(ModelError) {
        self.path = path
        self.model = model
        self.features = features
        self.files = files
        format = Format(path: path) ?? .jsonl
        stream = path == "-" ? fdopen(STDOUT_FILENO, "w") : fopen("\(path).partial", "w")
        if stream == nil { throw failure() }
        // As long as it may become; written anew when it is known what there is.
        let header = try header(of: Array(files.indices))
        headerBytes = header.count
        try put(header)
    }

    /// Adds an image's features.
    ///
    /// - Throws: `ModelError.file` if they cannot be written.
    func write(_ index: Int, _ values: [Float]) throws(ModelError) {
        precondition(values.count == features, "\(values.count) features, not \(features)")
        rows.append(index)
        switch format {
        case .jsonl: try put(JSONWriter.text(Line(file: files[index], embedding: values)) + [UInt8(ascii: "\n")])
        case .safetensors, .npy: try put(values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } })
        }
    }

    /// Ends the file.
    ///
    /// - Throws: `ModelError.file` if it cannot be written.
    func finish() throws(ModelError) {
        guard let stream else { return }
        if format != .jsonl {
            var header = try header(of: rows)
            // Where rows are missing it is shorter: blanks before its end, as both formats have it.
            let blanks = repeatElement(UInt8(ascii: " "), count: headerBytes - header.count)
            header.insert(contentsOf: blanks, at: format == .npy ? header.count - 1 : header.count)
            setLength(&header)
            guard fseek(stream, 0, SEEK_SET) == 0 else { throw failure() }
            try put(header)
        }
        guard fflush(stream) == 0 else { throw failure() }
        guard path != "-" else { return }
        self.stream = nil
        guard fclose(stream) == 0, rename("\(path).partial", path) == 0 else {
            let failure = failure()
            unlink("\(path).partial")
            throw failure
        }
        if format == .npy { try writeFile(JSONWriter.text(rows.map { files[$0] }) + [UInt8(ascii: "\n")], to: "\(path).json") }
    }

    deinit {
        guard let stream, path != "-" else { return }
        fclose(stream)
        unlink("\(path).partial")
    }

    /// What stands before these rows, its length filled in.
    private func header(of rows: [Int]) throws(ModelError) -> [UInt8] {
        var header: [UInt8]
        switch format {
        case .jsonl: return []
        case .npy:
            header = Self.magic + [0, 0]
            header += Array("{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows.count), \(features)), }".utf8)
            // The rows are aligned to 64 bytes.
            header += repeatElement(UInt8(ascii: " "), count: 63 - header.count % 64) + [UInt8(ascii: "\n")]
        case .safetensors:
            header = [UInt8](repeating: 0, count: 8)
            header += JSONWriter.text(
                SafeTensorsHeader(model: model, files: rows.map { files[$0] }, shape: [rows.count, features]))
            header += repeatElement(UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
            // The readers' limit.
            guard header.count < 100_000_000 else {
                throw .file("\(path): the names of \(rows.count) files are more than a .safetensors header holds; write .npy or .jsonl")
            }
        }
        setLength(&header)
        return header
    }

    /// NumPy's format 1.0.
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]

    /// Of what follows it.
    private func setLength(_ header: inout [UInt8]) {
        switch format {
        case .jsonl: break
        case .npy:
            let place = Self.magic.count
            withUnsafeBytes(of: UInt16(header.count - place - 2).littleEndian) { header.replaceSubrange(place..<place + 2, with: $0) }
        case .safetensors: withUnsafeBytes(of: UInt64(header.count - 8).littleEndian) { header.replaceSubrange(0..<8, with: $0) }
        }
    }

    private func put(_ bytes: [UInt8]) throws(ModelError) {
        guard let stream, fwrite(bytes, 1, bytes.count, stream) == bytes.count else { throw failure() }
    }

    private func failure() -> ModelError { .file("\(path): cannot be written: \(String(cString: strerror(errno)))") }
}

private struct Line: JSONWritable {
    var file: String
    var embedding: [Float]

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("file", file)
            $0.field("embedding", embedding)
        }
    }
}

/// Of a file with one tensor, which is all of its data.
private struct SafeTensorsHeader: JSONWritable {
    var model: String
    var files: [String]
    var shape: [Int]

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("__metadata__", Metadata(model: model, files: files))
            $0.field("embeddings", Tensor(shape: shape))
        }
    }

    /// Texts, as the format has it.
    private struct Metadata: JSONWritable {
        var model: String
        var files: [String]

        func write(to writer: inout JSONWriter) {
            writer.object {
                $0.field("model", model)
                $0.field("files", String(decoding: JSONWriter.text(files), as: UTF8.self))
            }
        }
    }

    private struct Tensor: JSONWritable {
        var shape: [Int]

        func write(to writer: inout JSONWriter) {
            writer.object {
                $0.field("dtype", "F32")
                $0.field("shape", shape)
                $0.field("data_offsets", [0, shape.reduce(4, *)])
            }
        }
    }
}
