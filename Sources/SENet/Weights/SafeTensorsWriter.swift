import FoundationEssentials
import Glibc

/// Writes a `.safetensors` file tensor by tensor, so that it need never be in memory as a whole.
public final class SafeTensorsWriter {
    public struct Entry: Sendable {
        public var name: String
        public var elementType: SafeTensors.ElementType
        public var shape: [Int]

        public init(name: String, elementType: SafeTensors.ElementType = .float32, shape: [Int]) {
            self.name = name
            self.elementType = elementType
            self.shape = shape
        }

        public var byteCount: Int { shape.reduce(elementType.byteCount, *) }
    }

    private let path: String
    private let descriptor: Int32
    private var bytesLeft: Int

    /// Begins the file and writes its header. The tensors' bytes must follow in the order of `entries`; the file appears under its name when
    /// it is finished.
    ///
    /// - Throws: `ModelError.file` if it cannot be written.
    public init(path: String, entries: [Entry]) throws(ModelError) {
        struct Header: Encodable {
            var dtype: SafeTensors.ElementType
            var shape: [Int]
            var dataOffsets: [Int]

            enum CodingKeys: String, CodingKey {
                case dtype, shape
                case dataOffsets = "data_offsets"
            }
        }
        var header: [String: Header] = [:]
        var end = 0
        for entry in entries {
            header[entry.name] = Header(dtype: entry.elementType, shape: entry.shape, dataOffsets: [end, end + entry.byteCount])
            end += entry.byteCount
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var bytes: Data
        do { bytes = try encoder.encode(header) } catch { throw .file("\(path): cannot be written: \(error)") }
        // Padded so that the data is aligned, as the format recommends.
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: bytes.count.roundedUp(toMultipleOf: 8) - bytes.count))
        bytes.insert(contentsOf: withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { Data($0) }, at: 0)
        self.path = path
        descriptor = open("\(path).partial", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        bytesLeft = end + bytes.count
        guard descriptor >= 0 else { throw failure() }
        try append(contentsOf: bytes)
    }

    private func failure() -> ModelError { .file("\(path): cannot be written: \(String(cString: strerror(errno)))") }

    /// Writes the next bytes of the tensors.
    ///
    /// - Throws: `ModelError.file` if they cannot be written.
    public func append(contentsOf bytes: some ContiguousBytes) throws(ModelError) {
        var problem: ModelError?
        bytes.withUnsafeBytes { bytes in
            do throws(ModelError) { try append(bytes) } catch { problem = error }
        }
        if let problem { throw problem }
    }

    /// Writes the next bytes of the tensors.
    ///
    /// - Throws: `ModelError.file` if they cannot be written.
    public func append(_ bytes: UnsafeRawBufferPointer) throws(ModelError) {
        precondition(bytes.count <= bytesLeft, "more bytes than the header announces")
        var written = 0
        while written < bytes.count, let start = bytes.baseAddress {
            let count = write(descriptor, start + written, bytes.count - written)
            guard count > 0 || errno == EINTR else { throw failure() }
            written += max(0, count)
        }
        bytesLeft -= bytes.count
    }

    /// Ends the file.
    ///
    /// - Throws: `ModelError.file` if its bytes cannot be brought to the disk.
    public func finish() throws(ModelError) {
        precondition(bytesLeft == 0, "fewer bytes than the header announces")
        guard fsync(descriptor) == 0, rename("\(path).partial", path) == 0 else { throw failure() }
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        unlink("\(path).partial")  // not there any more if the file was finished
    }
}

extension SafeTensors {
    /// Writes one float32 tensor as a file of its own.
    ///
    /// - Throws: `ModelError.file` if it cannot be written.
    public static func write(_ floats: [Float], name: String, shape: [Int], to path: String) throws(ModelError) {
        let writer = try SafeTensorsWriter(path: path, entries: [.init(name: name, shape: shape)])
        var problem: ModelError?
        floats.withUnsafeBytes { bytes in
            do throws(ModelError) { try writer.append(bytes) } catch { problem = error }
        }
        if let problem { throw problem }
        try writer.finish()
    }
}
